// The test files of the public bpf_conformance suite (../shared/conformance/isa, format in the README beside it):
// parsed, with their assembly assembled. For whoever runs them: `skep test-isa` and the tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <skep/error.hpp>
#include <skep/insn.hpp>

namespace skep::isa {

/// One file.
struct ConformanceCase {
  std::string name;                      ///< file name without ".data"
  std::optional<std::string> assembly;   ///< section "asm" as it stands, comments and all
  std::optional<std::vector<Insn>> raw;  ///< section "raw"
  std::vector<std::byte> memory;         ///< section "mem"; empty without it
  std::optional<std::uint64_t> result;   ///< section "result": r0 at the end
  std::optional<std::string> error;      ///< section "error": the run must fail
  std::vector<Insn> insns;               ///< the program: asm assembled, or raw
};

inline constexpr const char* kConformanceFolder = "../shared/conformance/isa";

/// One file's text. Errors: where is `name`, with the line inside its asm section when that does not assemble.
[[nodiscard]] Result<ConformanceCase> parse_conformance(std::string name, std::string_view text);

/// All "*.data" files of `folder`, ordered by name; none when there is no such folder (the caller says SKIP then).
[[nodiscard]] Result<std::vector<ConformanceCase>> load_conformance(
    const std::filesystem::path& folder = kConformanceFolder);

}  // namespace skep::isa
