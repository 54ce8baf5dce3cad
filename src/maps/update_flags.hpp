// The flags of an update, as helpers and bpf(2) pass them.
#pragma once

#include <cstdint>

#include <skep/types.hpp>

namespace skep::maps {

inline constexpr std::uint64_t kAny = static_cast<std::uint64_t>(Update::any);
inline constexpr std::uint64_t kNoExist = static_cast<std::uint64_t>(Update::no_exist);
inline constexpr std::uint64_t kExist = static_cast<std::uint64_t>(Update::exist);
/// BPF_F_LOCK: take the bpf_spin_lock inside the value. No map here knows of one, and without one Linux gives EINVAL.
inline constexpr std::uint64_t kLockFlag = 4;

}  // namespace skep::maps
