// The format language of bpf_trace_printk, bpf_trace_vprintk and bpf_snprintf, as Linux 6.18 reads it:
//
//   %[0 +-]*[width]  then  d i u x X  with l or ll, c, s, p, px, pK, ps, pS, pB, pks, pus, pi4, pI4, pi6, pI6;  %%
//
// A format is checked as a whole before anything is written. Plain text may hold printable ASCII, white space and bytes
// from 0x80 up. Arguments take room in a buffer of 512 bytes (strings their length), and -ENOSPC says it is full.
// Letters and digits right behind a %p form are swallowed with it; %pks, %pus, %pB and addresses ignore their width. So
// does Linux. There are no kernel symbols here: %ps, %pS and %pB print the address; and %p and %pK print it too, where
// Linux prints a hash.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "helpers/env.hpp"

namespace skep::helpers {

inline constexpr std::size_t kMaxFormatArgs = 12;

/// Formats into `out`, cut to its size and NUL-terminated when that is not 0. The length of the whole text without the
/// NUL, or -EINVAL for a bad format or too few arguments, -ENOSPC. `format` holds no NUL; at most kMaxFormatArgs
/// `args`.
[[nodiscard]] std::int64_t format(Env& env, std::string_view format, std::span<const std::uint64_t> args,
                                  std::span<char> out) noexcept;

}  // namespace skep::helpers
