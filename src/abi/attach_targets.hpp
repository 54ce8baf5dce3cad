// What BTF does not say of the kernel functions, tracepoints, iterators and LSM hooks that typed programs attach to:
// which arguments may be null, are no pointers after all or must not be trusted, and what a hook lets programs do.
//
// Linux keeps these lists in its own sources. A name without a row follows the rules: arguments of tracepoints,
// iterators and hooks are trusted and never null, arguments of fentry, fexit and fmod_ret programs too, but for their
// structures' plain members; hooks are neither sleepable nor boolean.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace skep::abi {

/// A tracepoint of which an argument is not what its type says. Sets of arguments: bit n for argument n, from 0.
struct TracepointArgs {
  std::string_view name;       ///< without "btf_trace_"
  std::uint16_t nullable = 0;  ///< may be null
  std::uint16_t errors = 0;    ///< may be an error number in place of a pointer: loads as a number
};

/// What an argument of an iterator is.
enum class IterArg : std::uint8_t {
  none,
  trusted,                ///< a trusted pointer to what its type says, or a number
  trusted_or_null,        ///< the same, or null
  plain_or_null,          ///< a pointer that is not trusted, or null
  buffer_or_null,         ///< memory whose size is known at attachment, or null
  rdonly_buffer_or_null,  ///< the same, read-only
};

struct IterTarget {
  static constexpr unsigned kMaxArgs = 4;
  std::string_view name;  ///< of the function, without "bpf_iter_"
  IterArg args[kMaxArgs];
};

/// Properties of an LSM hook. Bits.
enum HookFlag : std::uint8_t {
  hook_sleepable = 1 << 0,       ///< programs may be sleepable
  hook_untrusted = 1 << 1,       ///< its arguments are half made or half gone: pointers are not trusted
  hook_disabled = 1 << 2,        ///< no program may attach
  hook_bool = 1 << 3,            ///< returns 0 or 1
  hook_socket_options = 1 << 4,  ///< lsm_cgroup: may call setsockopt and getsockopt
};

struct LsmHook {
  std::string_view name;  ///< without "bpf_lsm_"
  std::uint8_t flags = 0;
};

/// The row of a name, null when there is none. Static storage.
[[nodiscard]] const TracepointArgs* find_tracepoint_args(std::string_view name) noexcept;
[[nodiscard]] const IterTarget* find_iter_target(std::string_view name) noexcept;
[[nodiscard]] const LsmHook* find_lsm_hook(std::string_view name) noexcept;

[[nodiscard]] std::span<const IterTarget> iter_targets() noexcept;

/// Whether fentry, fexit and fmod_ret programs on this kernel function may call bpf_d_path().
[[nodiscard]] bool d_path_allowed(std::string_view function) noexcept;

}  // namespace skep::abi
