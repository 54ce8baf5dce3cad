// What stands behind a structured context: plain memory from which engines load the fields of proven programs directly,
// where unproven ones ask Context::load().
//
// Invariant: at a run's entry, and after each helper that moves the packet, the native structure says what load() says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include <skep/types.hpp>

namespace skep {

/// Behind `struct xdp_md`, at the same address.
struct NativeXdp {
  std::uint64_t data;
  std::uint64_t data_end;
  std::uint64_t data_meta;
  std::uint32_t ingress_ifindex;
  std::uint32_t rx_queue_index;
  std::uint32_t egress_ifindex;
  std::uint32_t unused = 0;
};

struct NativeField {
  std::uint16_t off = 0;  ///< bytes from where the context pointer points
  std::uint16_t bytes = 0;
};

/// Where the field of `bytes` bytes at `off` of the context of programs of `type` really lies; nothing for contexts
/// that are plain memory and for what is no field.
[[nodiscard]] std::optional<NativeField> native_field(ProgType type, std::uint32_t off, std::uint32_t bytes) noexcept;

}  // namespace skep
