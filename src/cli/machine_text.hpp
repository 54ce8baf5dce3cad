// Machine code as text. The only place that knows libcapstone, which the command does without where it was not there at
// build time: bytes can be shown in any case.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace skep::cli {

struct MachineInsn {
  std::uint32_t at = 0;  ///< offset in the code
  std::uint32_t bytes = 0;
  std::string text;                    ///< "mov eax, ebx"
  std::optional<std::uint64_t> leads;  ///< of a direct jump or call: an offset, too; not always inside the code
};

/// This build has a disassembler.
[[nodiscard]] bool has_machine_text() noexcept;
/// "x86-64", "arm64"; what the JIT of this build makes.
[[nodiscard]] const char* machine_name() noexcept;

/// The instructions of code for this processor whose first byte is at offset `at`. Bytes that are none come as such:
/// ".byte 0x06".
[[nodiscard]] std::vector<MachineInsn> machine_text(std::span<const std::byte> code, std::uint32_t at);

}  // namespace skep::cli
