// The contexts of cgroup programs that answer for sysctls, socket options and devices.
#pragma once

#include <array>

#include "abi/contexts/field.hpp"

namespace skep::abi {

inline constexpr std::array kSysctlFields{
    ContextField{.name = "write", .off = 0, .loads = kUpTo4},
    ContextField{.name = "file_pos", .off = 4, .loads = kUpTo4, .stores = 4},
};
inline constexpr ContextLayout kSysctl{"bpf_sysctl", 8, kSysctlFields};

inline constexpr AttachTypes kOnSetsockopt = attach_types({AttachType::cgroup_setsockopt});
inline constexpr AttachTypes kOnGetsockopt = attach_types({AttachType::cgroup_getsockopt});

inline constexpr std::array kSockoptFields{
    ContextField{.name = "sk", .off = 0, .size = 8, .kind = FieldKind::socket},
    ContextField{.name = "optval", .off = 8, .size = 8, .kind = FieldKind::packet},
    ContextField{.name = "optval_end", .off = 16, .size = 8, .kind = FieldKind::packet_end},
    ContextField{.name = "level", .off = 24, .stores = 4, .write_attach = kOnSetsockopt},
    ContextField{.name = "optname", .off = 28, .stores = 4, .write_attach = kOnSetsockopt},
    ContextField{.name = "optlen", .off = 32, .stores = 4},
    ContextField{.name = "retval", .off = 36, .stores = 4, .read_attach = kOnGetsockopt, .write_attach = kOnGetsockopt},
};
inline constexpr ContextLayout kSockopt{"bpf_sockopt", 40, kSockoptFields};

inline constexpr std::array kCgroupDevFields{
    ContextField{.name = "access_type", .off = 0, .loads = kUpTo4},
    ContextField{.name = "major", .off = 4},
    ContextField{.name = "minor", .off = 8},
};
inline constexpr ContextLayout kCgroupDev{"bpf_cgroup_dev_ctx", 12, kCgroupDevFields};

}  // namespace skep::abi
