// The fields of struct xdp_md and where they lie in NativeXdp.
#include "context/native.hpp"

#include <array>

#include "abi/context_fields.hpp"

namespace skep {
namespace {

constexpr abi::ContextLayout kXdpMd = *abi::find_context_layout(ProgType::xdp);

/// In the order of the table's fields.
constexpr std::array<NativeField, 6> kXdpFields{{
    {offsetof(NativeXdp, data), 8},
    {offsetof(NativeXdp, data_end), 8},
    {offsetof(NativeXdp, data_meta), 8},
    {offsetof(NativeXdp, ingress_ifindex), 4},
    {offsetof(NativeXdp, rx_queue_index), 4},
    {offsetof(NativeXdp, egress_ifindex), 4},
}};
static_assert(kXdpMd.fields.size() == kXdpFields.size() && abi::find_context_field(kXdpMd, 4)->name == "data_end" &&
              abi::find_context_field(kXdpMd, 8)->name == "data_meta" &&
              abi::find_context_field(kXdpMd, 20)->name == "egress_ifindex");

}  // namespace

std::optional<NativeField> native_field(ProgType type, std::uint32_t off, std::uint32_t bytes) noexcept {
  if (type != ProgType::xdp) return std::nullopt;
  for (std::size_t i = 0; i < kXdpFields.size(); ++i)
    if (kXdpMd.fields[i].off == off && kXdpMd.fields[i].size == bytes) return kXdpFields[i];
  return std::nullopt;
}

}  // namespace skep
