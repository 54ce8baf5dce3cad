// THE context table: what lies where in the structure that a program of a type gets in r1, as data. Read by the
// contexts that emulate those structures, by the verifier, by the lowering and by the documentation.
//
// Offsets, sizes and names are Linux' (UAPI bpf.h, 6.18). Only program types that skep can run have a row; a type
// without one gets plain memory. Adding a program type's context is adding a table here.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include <skep/types.hpp>

namespace skep::abi {

/// What a load of a field yields.
enum class FieldKind : std::uint8_t {
  scalar,       ///< a number
  packet,       ///< a pointer to the packet's first byte
  packet_end,   ///< a pointer behind its last one
  packet_meta,  ///< a pointer to the metadata in front of the packet
};

struct ContextField {
  std::string_view name;
  std::uint32_t off = 0;
  std::uint32_t size = 0;  ///< the only size of access that Linux allows; a pointer field still yields all 64 bits
  FieldKind kind = FieldKind::scalar;
  bool writable = false;
  std::uint32_t attach_type = 0;  ///< when not 0: only programs of this enum bpf_attach_type may read it
};

struct ContextLayout {
  ProgType type = ProgType::unspec;
  std::string_view name;  ///< of the structure, as Linux calls it
  std::uint32_t bytes = 0;
  std::span<const ContextField> fields;  ///< by ascending offset
};

inline constexpr std::uint32_t kAttachXdpDevmap = 33;  ///< BPF_XDP_DEVMAP

inline constexpr std::array kXdpMdFields{
    ContextField{"data", 0, 4, FieldKind::packet},
    ContextField{"data_end", 4, 4, FieldKind::packet_end},
    ContextField{"data_meta", 8, 4, FieldKind::packet_meta},
    ContextField{"ingress_ifindex", 12, 4},
    ContextField{"rx_queue_index", 16, 4},
    ContextField{"egress_ifindex", 20, 4, FieldKind::scalar, false, kAttachXdpDevmap},
};

inline constexpr std::array kContextLayouts{
    ContextLayout{ProgType::xdp, "xdp_md", 24, kXdpMdFields},
};

/// The layout for programs of `type`, null when they get plain memory. Static storage.
[[nodiscard]] constexpr const ContextLayout* find_context_layout(ProgType type) noexcept {
  for (const ContextLayout& layout : kContextLayouts)
    if (layout.type == type) return &layout;
  return nullptr;
}

/// The field that starts at `off`, null when none does.
[[nodiscard]] constexpr const ContextField* find_context_field(const ContextLayout& layout,
                                                               std::uint32_t off) noexcept {
  for (const ContextField& field : layout.fields)
    if (field.off == off) return &field;
  return nullptr;
}

}  // namespace skep::abi
