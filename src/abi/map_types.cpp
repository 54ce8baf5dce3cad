// The rows of the map-type table. The abi test makes maps of all sizes in question on the running kernel.
#include "abi/map_types.hpp"

#include <array>

namespace skep::abi {
namespace {

constexpr std::uint32_t kHuge = 0x7fff'ffff;
constexpr SizeRange kNone{};
constexpr SizeRange kIndex{4, 4};
constexpr SizeRange kFd{4, 4};
constexpr SizeRange kFdOrMore{4, 8, 4};  // a descriptor, or a descriptor and a program or cookie
constexpr SizeRange kAny{1, kHuge};
constexpr SizeRange kKey{1, kHuge};
constexpr SizeRange kSocketKey{1, 512};
constexpr SizeRange kPerCpuValue{1, 32768};
constexpr SizeRange kStacks{8, 127 * 8, 8};
constexpr SizeRange kPrefix{5, 260};  // 4 bytes of length, 1 to 256 of data
constexpr SizeRange kCgroupKey{8, 16, 8};
constexpr SizeRange kOwner{4, 4};
constexpr SizeRange kLocal{1, 65535 - 64};

constexpr std::uint8_t kMost = field_spin_lock | field_timer | field_kptr | field_collection;
constexpr std::uint8_t kAtOwners = field_spin_lock | field_kptr;

constexpr MapTypeSpec sleeping(MapTypeSpec spec) {
  spec.sleepable = true;
  return spec;
}
constexpr MapTypeSpec keyed(MapType type, SizeRange key, SizeRange value, std::uint8_t fields) {
  return {.type = type, .key = key, .value = value, .lookup = LookupYields::value, .fields = fields};
}
constexpr MapTypeSpec opaque(MapType type, SizeRange key, SizeRange value, std::uint8_t fields = 0) {
  return {.type = type, .key = key, .value = value, .fields = fields};
}
constexpr MapTypeSpec yielding(MapType type, SizeRange key, SizeRange value, LookupYields lookup) {
  return {.type = type, .key = key, .value = value, .lookup = lookup};
}
constexpr MapTypeSpec array() {
  MapTypeSpec spec = sleeping(keyed(MapType::array, kIndex, kAny, kMost));
  spec.direct_value = true;
  spec.never_null = true;
  return spec;
}
constexpr MapTypeSpec percpu_array() {
  MapTypeSpec spec = sleeping(keyed(MapType::percpu_array, kIndex, kPerCpuValue, field_kptr));
  spec.never_null = true;
  return spec;
}
constexpr MapTypeSpec struct_ops() {
  MapTypeSpec spec = opaque(MapType::struct_ops, kIndex, kAny);
  spec.in_programs = false;
  return spec;
}
constexpr MapTypeSpec arena() {
  MapTypeSpec spec = sleeping(opaque(MapType::arena, kNone, kNone));
  spec.direct_value = true;
  return spec;
}

constexpr std::array kSpecs{
    MapTypeSpec{},
    sleeping(keyed(MapType::hash, kKey, kAny, kMost)),
    array(),
    opaque(MapType::prog_array, kIndex, kFd),
    opaque(MapType::perf_event_array, kIndex, kFd),
    sleeping(keyed(MapType::percpu_hash, kKey, kPerCpuValue, field_kptr)),
    percpu_array(),
    opaque(MapType::stack_trace, kIndex, kStacks),
    opaque(MapType::cgroup_array, kIndex, kFd),
    sleeping(keyed(MapType::lru_hash, kKey, kAny, kMost & ~field_spin_lock)),
    sleeping(keyed(MapType::lru_percpu_hash, kKey, kPerCpuValue, field_kptr)),
    keyed(MapType::lpm_trie, kPrefix, kAny, 0),
    sleeping(yielding(MapType::array_of_maps, kIndex, kFd, LookupYields::map)),
    sleeping(yielding(MapType::hash_of_maps, kKey, kFd, LookupYields::map)),
    keyed(MapType::devmap, kIndex, kFdOrMore, 0),
    yielding(MapType::sockmap, kIndex, kFdOrMore, LookupYields::socket),
    opaque(MapType::cpumap, kIndex, kFdOrMore),
    yielding(MapType::xskmap, kIndex, kFd, LookupYields::xdp_socket),
    yielding(MapType::sockhash, kSocketKey, kFdOrMore, LookupYields::socket),
    opaque(MapType::cgroup_storage, kCgroupKey, kAny, field_spin_lock),
    opaque(MapType::reuseport_sockarray, kIndex, kFdOrMore),
    opaque(MapType::percpu_cgroup_storage, kCgroupKey, kPerCpuValue),
    sleeping(opaque(MapType::queue, kNone, kAny)),
    sleeping(opaque(MapType::stack, kNone, kAny)),
    sleeping(opaque(MapType::sk_storage, kOwner, kLocal, kAtOwners)),
    keyed(MapType::devmap_hash, kIndex, kFdOrMore, 0),
    struct_ops(),
    sleeping(opaque(MapType::ringbuf, kNone, kNone)),
    sleeping(opaque(MapType::inode_storage, kOwner, kLocal, kAtOwners)),
    sleeping(opaque(MapType::task_storage, kOwner, kLocal, kAtOwners)),
    opaque(MapType::bloom_filter, kNone, kAny),
    sleeping(opaque(MapType::user_ringbuf, kNone, kNone)),
    sleeping(opaque(MapType::cgrp_storage, kOwner, kLocal, kAtOwners)),
    arena(),
};

constexpr bool rows_are_dense() {
  std::uint32_t number = 0;
  for (const MapTypeSpec& spec : kSpecs)
    if (static_cast<std::uint32_t>(spec.type) != number++) return false;
  return number == 34;
}
static_assert(rows_are_dense());

// In these programs no socket is locked, so that sockmaps and sockhashes may be changed.
constexpr ProgTypes kSockmapWriters =
    prog_types({ProgType::socket_filter, ProgType::sched_cls, ProgType::sched_act, ProgType::xdp,
                ProgType::sk_reuseport, ProgType::flow_dissector, ProgType::sk_lookup});

bool may_change_sockmap(HelperId helper, ProgType type, AttachType attach) {
  if (type == ProgType::tracing) return attach == AttachType::trace_iter;
  if (type == ProgType::sock_ops) return helper == HelperId::map_delete_elem;
  return contains(kSockmapWriters, type);
}

}  // namespace

std::span<const MapTypeSpec> map_type_specs() noexcept { return kSpecs; }

const MapTypeSpec* find_map_type(MapType type) noexcept {
  const auto index = static_cast<std::uint32_t>(type);
  return index < kSpecs.size() ? &kSpecs[index] : nullptr;
}

bool takes_map(const Helper& helper, MapType map, ProgType type, AttachType attach) noexcept {
  if (!contains(helper.maps, map)) return false;
  const auto id = static_cast<HelperId>(helper.id);
  const bool changes = id == HelperId::map_update_elem || id == HelperId::map_delete_elem;
  const bool sockets = map == MapType::sockmap || map == MapType::sockhash;
  return !changes || !sockets || may_change_sockmap(id, type, attach);
}

}  // namespace skep::abi
