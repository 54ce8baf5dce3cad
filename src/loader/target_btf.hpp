// Types of a target out of a file's bytes: raw BTF of either byte order, as in /sys/kernel/btf and in what
// `pahole --btf_encode_detached` leaves, or the section .BTF of an ELF file, as in a vmlinux or a module.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include <skep/error.hpp>

#include "elf/section_place.hpp"
#include "loader/surroundings.hpp"

namespace skep::loader {

inline constexpr std::size_t kMaxTargetBtfBytes = 64u << 20;  ///< of BTF; a whole distribution kernel has 5 to 10 MiB

/// Reads no more of an ELF file than its headers and types. Split BTF needs its `base`; a module that brings the few
/// types of its base that it stands on (section .BTF.base) is read on those where no base is given.
/// Errors: malformed or unsupported as ELF or BTF, limit; where names `path`.
[[nodiscard]] Result<Types> parse_target_btf(const elf::ReadAt& file, std::uint64_t file_bytes, const std::string& path,
                                             const Types& base = nullptr);
/// The same out of memory; `bytes` may go away afterwards.
[[nodiscard]] Result<Types> parse_target_btf(std::span<const std::byte> bytes, const std::string& path,
                                             const Types& base = nullptr);

}  // namespace skep::loader
