// Names of the kinds of register, as Linux' log spells them.
#include "verifier/state/register.hpp"

namespace skep::verifier {

std::string_view name_of(RegKind kind) noexcept {
  switch (kind) {
    case RegKind::uninit:
      return "?";
    case RegKind::scalar:
      return "scalar";
    case RegKind::ctx:
      return "ctx";
    case RegKind::stack:
      return "fp";
    case RegKind::map:
      return "map_ptr";
    case RegKind::map_value:
      return "map_value";
    case RegKind::map_key:
      return "map_key";
    case RegKind::packet:
      return "pkt";
    case RegKind::packet_meta:
      return "pkt_meta";
    case RegKind::packet_end:
      return "pkt_end";
    case RegKind::flow_keys:
      return "flow_keys";
    case RegKind::sock:
      return "sock";
    case RegKind::sock_common:
      return "sock_common";
    case RegKind::tcp_sock:
      return "tcp_sock";
    case RegKind::xdp_sock:
      return "xdp_sock";
    case RegKind::memory:
      return "mem";
    case RegKind::buffer:
      return "buf";
    case RegKind::tp_buffer:
      return "tp_buffer";
    case RegKind::btf_object:
      return "ptr_";
    case RegKind::function:
      return "func";
  }
  return "?";
}

}  // namespace skep::verifier
