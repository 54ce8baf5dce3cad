// Helpers that change an XDP packet or say where it goes. A redirect is recorded in the packet; nothing is sent.
//
// Program types without an XDP context cannot call most of these; where one does all the same (an untyped program), it
// gets -EINVAL. bpf_redirect is also for traffic control, whose verdicts have other numbers.
#include <algorithm>

#include "helpers/family.hpp"

namespace skep::helpers {
namespace {

constexpr std::uint64_t kTcShot = 2;      // TC_ACT_SHOT
constexpr std::uint64_t kTcRedirect = 7;  // TC_ACT_REDIRECT
constexpr std::uint64_t kIngress = 1;     // BPF_F_INGRESS
constexpr std::uint64_t kActionMask = 3;
constexpr std::uint64_t kBroadcast = 8;        // BPF_F_BROADCAST
constexpr std::uint64_t kExcludeIngress = 16;  // BPF_F_EXCLUDE_INGRESS

constexpr std::uint64_t verdict(XdpAction action) noexcept { return static_cast<std::uint64_t>(action); }

/// A kind of map that packets can be sent through, and the flags it takes beside the verdict for a missing entry.
struct RedirectMap {
  MapType type;
  std::uint64_t flags;
};
constexpr RedirectMap kRedirectMaps[] = {
    {MapType::devmap, kBroadcast | kExcludeIngress},
    {MapType::devmap_hash, kBroadcast | kExcludeIngress},
    {MapType::cpumap, 0},
    {MapType::xskmap, 0},
};

template <int (XdpPacket::*adjust)(std::int64_t) noexcept>
std::uint64_t move_end(Env& env, std::uint64_t, std::uint64_t delta, std::uint64_t, std::uint64_t,
                       std::uint64_t) noexcept {
  XdpPacket* packet = env.context().xdp();
  if (packet == nullptr) return r0(-EINVAL);
  const int result = (packet->*adjust)(static_cast<std::int64_t>(delta));
  env.regions_changed();
  return r0(result);
}

std::uint64_t load_bytes(Env& env, std::uint64_t, std::uint64_t off, std::uint64_t out, std::uint64_t size,
                         std::uint64_t) noexcept {
  const XdpPacket* packet = env.context().xdp();
  return r0(packet == nullptr ? -EINVAL : packet->load_bytes(off, {bytes_at(out), size}));
}

std::uint64_t store_bytes(Env& env, std::uint64_t, std::uint64_t off, std::uint64_t bytes, std::uint64_t size,
                          std::uint64_t) noexcept {
  XdpPacket* packet = env.context().xdp();
  return r0(packet == nullptr ? -EINVAL : packet->store_bytes(off, {bytes_at(bytes), size}));
}

std::uint64_t get_buff_len(Env& env, std::uint64_t, std::uint64_t, std::uint64_t, std::uint64_t,
                           std::uint64_t) noexcept {
  const XdpPacket* packet = env.context().xdp();
  return packet == nullptr ? r0(-EINVAL) : packet->frame().size();
}

std::uint64_t redirect(Env& env, std::uint64_t ifindex, std::uint64_t flags, std::uint64_t, std::uint64_t,
                       std::uint64_t) noexcept {
  XdpPacket* packet = env.context().xdp();
  if (packet == nullptr) return (flags & ~kIngress) != 0 ? kTcShot : kTcRedirect;
  if (flags != 0) return verdict(XdpAction::aborted);
  packet->set_redirect({.ifindex = static_cast<std::uint32_t>(ifindex)});
  return verdict(XdpAction::redirect);
}

std::uint64_t redirect_map(Env& env, std::uint64_t map, std::uint64_t key, std::uint64_t flags, std::uint64_t,
                           std::uint64_t) noexcept {
  maps::MapStorage& storage = map_of(map);
  XdpPacket* packet = env.context().xdp();
  const auto* kind = std::ranges::find(kRedirectMaps, storage.spec().type, &RedirectMap::type);
  const auto index = static_cast<std::uint32_t>(key);
  if (packet == nullptr || kind == std::end(kRedirectMaps) || storage.spec().key_size != sizeof(index))
    return r0(-EINVAL);
  if ((flags & ~(kActionMask | kind->flags)) != 0) return verdict(XdpAction::aborted);
  packet->clear_redirect();
  const bool everywhere = (flags & kBroadcast) != 0;
  if (!everywhere && storage.lookup(reinterpret_cast<const std::byte*>(&index), 0) == nullptr)
    return flags & kActionMask;
  packet->set_redirect({.map = &storage, .key = index, .flags = flags});
  return verdict(XdpAction::redirect);
}

}  // namespace

std::span<const Row> xdp_rows() noexcept {
  static constexpr Row kRows[] = {
      {abi::HelperId::xdp_adjust_head, move_end<&XdpPacket::adjust_head>},
      {abi::HelperId::xdp_adjust_tail, move_end<&XdpPacket::adjust_tail>},
      {abi::HelperId::xdp_adjust_meta, move_end<&XdpPacket::adjust_meta>},
      {abi::HelperId::xdp_load_bytes, load_bytes},
      {abi::HelperId::xdp_store_bytes, store_bytes},
      {abi::HelperId::xdp_get_buff_len, get_buff_len},
      {abi::HelperId::redirect, redirect},
      {abi::HelperId::redirect_map, redirect_map},
  };
  return kRows;
}

}  // namespace skep::helpers
