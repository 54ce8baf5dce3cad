// Types of a target out of a file's bytes: raw BTF, as in /sys/kernel/btf, or the .BTF section of an ELF file, as in
// vmlinux and in what `pahole --btf_encode_detached` leaves.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include <skep/error.hpp>

namespace skep::btf {
class Btf;
}

namespace skep::loader {

inline constexpr std::size_t kMaxTargetBtfBytes = 64u << 20;  ///< of BTF; a whole distribution kernel has 5 to 10 MiB

/// `bytes` may go away afterwards. Errors: malformed or unsupported as ELF or BTF, limit; where names `path`.
[[nodiscard]] Result<std::shared_ptr<const btf::Btf>> parse_target_btf(std::span<const std::byte> bytes,
                                                                       const std::string& path);

}  // namespace skep::loader
