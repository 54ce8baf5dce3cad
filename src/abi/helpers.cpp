// The rows of the helper table, and finding one.
//
// Which program types may call a helper is what Linux 6.18 answers when it loads a program that does; the abi test asks
// the running kernel again. Types it cannot load here follow the type they share their helpers with: lsm follows
// tracing; an ext program stands in for any other. Type unspec is no Linux type: such a program has no context of its
// own, so it may call what needs none. Which map types go with which helper is what Linux' verifier accepts.
#include "abi/helper.hpp"

#include <algorithm>

namespace skep::abi {
namespace {

using enum ProgType;

constexpr ProgTypes kEverywhere = kAllProgTypes;
constexpr ProgTypes kBase = kEverywhere & ~prog_types({lirc_mode2});
constexpr ProgTypes kTracing = prog_types(
    {unspec, kprobe, tracepoint, perf_event, raw_tracepoint, raw_tracepoint_writable, tracing, lsm, syscall, ext});
constexpr ProgTypes kCoarseClock =
    (kBase & ~kTracing & ~prog_types({cgroup_device, cgroup_sockopt, netfilter})) | prog_types({unspec, ext});
constexpr ProgTypes kXdp = prog_types({xdp, ext});
constexpr ProgTypes kRedirect = prog_types({sched_cls, sched_act, xdp, lwt_xmit, ext});
constexpr ProgTypes kCsumDiff =
    prog_types({unspec, sched_cls, sched_act, xdp, lwt_in, lwt_out, lwt_xmit, lwt_seg6local, ext});

constexpr MapTypes kNoMaps = 0;
constexpr MapTypes kPerCpu = map_types({MapType::percpu_hash, MapType::percpu_array, MapType::lru_percpu_hash});
constexpr MapTypes kIterable = kPerCpu | map_types({MapType::hash, MapType::array, MapType::lru_hash});
constexpr MapTypes kKeyed =
    kIterable | map_types({MapType::lpm_trie, MapType::struct_ops, MapType::sockmap, MapType::sockhash});
constexpr MapTypes kLookup = kKeyed | map_types({MapType::array_of_maps, MapType::hash_of_maps, MapType::devmap,
                                                 MapType::devmap_hash, MapType::xskmap});
constexpr MapTypes kRedirectMaps = map_types({MapType::devmap, MapType::devmap_hash, MapType::cpumap, MapType::xskmap});
constexpr MapTypes kProgArray = map_types({MapType::prog_array});
constexpr MapTypes kRingbuf = map_types({MapType::ringbuf});

constexpr Helper kHelpers[] = {
#define ARGUMENTS(...) \
  { __VA_ARGS__ }
#define HELPER(id, name, ret, args, effects, programs, maps, doc) \
  {id, #name, Ret::ret, {ARGUMENTS args}, effects, programs, maps, 0, true, doc},
#define NAMED(id, name) {id, #name},
#include "abi/helpers.inc"
#undef HELPER
#undef NAMED
#undef ARGUMENTS
};

constexpr bool ids_are_dense() {
  std::uint32_t id = 1;
  for (const Helper& helper : kHelpers)
    if (helper.id != id++) return false;
  return true;
}
static_assert(ids_are_dense());

}  // namespace

std::span<const Helper> helpers() noexcept { return kHelpers; }

const Helper* find_helper(std::uint32_t id) noexcept {
  return id >= 1 && id <= std::size(kHelpers) ? &kHelpers[id - 1] : nullptr;
}

const Helper* find_helper(std::string_view name) noexcept {
  constexpr std::string_view kPrefix = "bpf_";
  if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
  const auto* found = std::ranges::find(kHelpers, name, &Helper::name);
  return found == std::end(kHelpers) ? nullptr : found;
}

}  // namespace skep::abi
