// struct xdp_md: the frame as XDP programs see it.
#pragma once

#include <array>

#include "abi/contexts/field.hpp"

namespace skep::abi {

inline constexpr std::array kXdpMdFields{
    ContextField{.name = "data", .off = 0, .kind = FieldKind::packet},
    ContextField{.name = "data_end", .off = 4, .kind = FieldKind::packet_end},
    ContextField{.name = "data_meta", .off = 8, .kind = FieldKind::packet_meta},
    ContextField{.name = "ingress_ifindex", .off = 12},
    ContextField{.name = "rx_queue_index", .off = 16},
    ContextField{.name = "egress_ifindex", .off = 20, .read_attach = attach_types({AttachType::xdp_devmap})},
};
inline constexpr ContextLayout kXdpMd{"xdp_md", 24, kXdpMdFields};

}  // namespace skep::abi
