// Makes live maps. What Linux asks of each kind's definition is one row of a table; a violation gives Linux' errno.
//
// Sizes come from hostile objects: everything a maker multiplies was bounded here or is checked where it is laid out.
// Source: the map_alloc_check functions of Linux 6.18 and map_create() in kernel/bpf/syscall.c.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "maps/kinds.hpp"
#include "maps/map_storage.hpp"

namespace skep::maps {
namespace {

using namespace map_flag;

constexpr std::uint32_t kAnySize = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kIntMax = std::numeric_limits<std::int32_t>::max();
constexpr std::uint32_t kHostAccess = rdonly | wronly;
constexpr std::uint32_t kAccess = kHostAccess | rdonly_prog | wronly_prog;
constexpr std::uint32_t kHashFlags = no_prealloc | kAccess | zero_seed;

constexpr std::uint32_t kMaxPerCpuValue = 32 << 10;        // PCPU_MIN_UNIT_SIZE
constexpr std::uint32_t kMaxHashElement = (4 << 20) - 49;  // KMALLOC_MAX_SIZE less the element's header
constexpr std::uint32_t kMaxHashEntries = 1u << 27;        // buckets of 16 bytes must not overflow 32 bits
constexpr std::uint32_t kMaxPrefixKey = 4 + 256;
constexpr std::uint32_t kMaxPrefixValue = (4 << 20) - kMaxPrefixKey - 20;  // KMALLOC_MAX_SIZE less key and node
constexpr std::uint32_t kMaxBagValue = 4 << 20;
constexpr std::uint32_t kMaxDevHashEntries = 1u << 31;
constexpr std::uint32_t kMaxCpuMapEntries = 8192;  // NR_CPUS of distributions' kernels

// A ring has neither keys nor values, and max_entries is its size in bytes; a bag has values, but no keys.
enum class Shape { table, ring, bag };

struct Rules {
  MapType type;
  Maker make;
  Shape shape;
  std::uint32_t key_size;        // the only legal one; kAnySize: any but 0
  std::uint32_t value_sizes[2];  // the only legal ones; kAnySize: any but 0
  std::uint32_t flags;           // those allowed
  std::uint32_t max_value;       // E2BIG above
  std::uint32_t max_element;     // E2BIG when key and value together take more
  std::uint32_t max_entries;     // above …
  int too_many;                  // … this errno
};

constexpr Rules kRules[] = {
    {MapType::hash,
     make_hash,
     Shape::table,
     kAnySize,
     {kAnySize},
     kHashFlags | numa_node,
     kAnySize,
     kMaxHashElement,
     kMaxHashEntries,
     E2BIG},
    {MapType::array,
     make_array,
     Shape::table,
     4,
     {kAnySize},
     kAccess | numa_node | mmapable | inner_map,
     kIntMax,
     kAnySize,
     kAnySize,
     0},
    {MapType::prog_array,
     make_prog_array,
     Shape::table,
     4,
     {4},
     kHostAccess | numa_node,
     kAnySize,
     kAnySize,
     kAnySize,
     0},
    {MapType::percpu_hash,
     make_percpu_hash,
     Shape::table,
     kAnySize,
     {kAnySize},
     kHashFlags,
     kMaxPerCpuValue,
     kMaxHashElement,
     kMaxHashEntries,
     E2BIG},
    {MapType::percpu_array,
     make_percpu_array,
     Shape::table,
     4,
     {kAnySize},
     kAccess,
     kMaxPerCpuValue,
     kAnySize,
     kAnySize,
     0},
    {MapType::perf_event_array,
     make_perf_event_array,
     Shape::table,
     4,
     {4},
     kHostAccess | numa_node | preserve_elems,
     kAnySize,
     kAnySize,
     kAnySize,
     0},
    {MapType::lru_hash,
     make_lru_hash,
     Shape::table,
     kAnySize,
     {kAnySize},
     kHashFlags | no_common_lru | numa_node,
     kAnySize,
     kMaxHashElement,
     kMaxHashEntries,
     E2BIG},
    {MapType::lru_percpu_hash,
     make_lru_percpu_hash,
     Shape::table,
     kAnySize,
     {kAnySize},
     kHashFlags | no_common_lru | numa_node,
     kMaxPerCpuValue,
     kMaxHashElement,
     kMaxHashEntries,
     E2BIG},
    {MapType::lpm_trie,
     make_lpm_trie,
     Shape::table,
     kAnySize,
     {kAnySize},
     no_prealloc | kAccess | numa_node,
     kAnySize,
     kAnySize,
     kAnySize,
     0},
    {MapType::queue, make_queue, Shape::bag, 0, {kAnySize}, kAccess | numa_node, kMaxBagValue, kAnySize, kAnySize, 0},
    {MapType::stack, make_stack, Shape::bag, 0, {kAnySize}, kAccess | numa_node, kMaxBagValue, kAnySize, kAnySize, 0},
    {MapType::bloom_filter,
     make_bloom_filter,
     Shape::bag,
     0,
     {kAnySize},
     kAccess | numa_node | zero_seed,
     kMaxBagValue,
     kAnySize,
     kAnySize,
     0},
    {MapType::array_of_maps,
     make_array_of_maps,
     Shape::table,
     4,
     {4},
     kHostAccess | numa_node,
     kAnySize,
     kAnySize,
     kAnySize,
     0},
    {MapType::hash_of_maps,
     make_hash_of_maps,
     Shape::table,
     kAnySize,
     {4},
     kHashFlags | numa_node,
     kAnySize,
     kMaxHashElement,
     kMaxHashEntries,
     E2BIG},
    {MapType::devmap, make_devmap, Shape::table, 4, {4, 8}, kHostAccess | numa_node, kAnySize, kAnySize, kAnySize, 0},
    {MapType::cpumap, make_cpumap, Shape::table, 4, {4, 8}, numa_node, kAnySize, kAnySize, kMaxCpuMapEntries, E2BIG},
    {MapType::xskmap, make_xskmap, Shape::table, 4, {4}, kHostAccess | numa_node, kAnySize, kAnySize, kAnySize, 0},
    {MapType::devmap_hash,
     make_devmap_hash,
     Shape::table,
     4,
     {4, 8},
     kHostAccess | numa_node,
     kAnySize,
     kAnySize,
     kMaxDevHashEntries,
     EINVAL},
    {MapType::ringbuf, make_ring_buffer, Shape::ring, 0, {0}, numa_node, kAnySize, kAnySize, kAnySize, 0},
};

const Rules* rules_for(MapType type) {
  const auto* row = std::find_if(std::begin(kRules), std::end(kRules), [&](const Rules& r) { return r.type == type; });
  return row == std::end(kRules) ? nullptr : row;
}

/// What is wrong with a definition: an errno and the words for it. No errno: nothing is.
struct Complaint {
  int sys = 0;
  std::string what;
};

bool both(std::uint32_t flags, std::uint32_t pair) { return (flags & pair) == pair; }

/// Maps that evict are preallocated; each CPU evicts for itself or memory lies near one, not both.
Complaint check_eviction(const MapSpec& spec) {
  if (spec.type != MapType::lru_hash && spec.type != MapType::lru_percpu_hash) return {};
  if ((spec.flags & no_prealloc) != 0) return {kNotSupported, "maps that evict are always preallocated"};
  const bool by_cpu = spec.type == MapType::lru_percpu_hash || (spec.flags & no_common_lru) != 0;
  if (by_cpu && (spec.flags & numa_node) != 0)
    return {EINVAL, "flags ask for one memory node, the map is split by CPU"};
  return {};
}

Complaint check_flags(const MapSpec& spec, const Rules& rules) {
  if (const std::uint32_t extra = spec.flags & ~rules.flags; extra != 0)
    return {EINVAL, fmt::format("flags {:#x} are not for this type", extra)};
  if (both(spec.flags, rdonly | wronly) || both(spec.flags, rdonly_prog | wronly_prog))
    return {EINVAL, fmt::format("flags {:#x} ask for read-only and write-only at once", spec.flags)};
  // A Bloom filter's says how many hashes it takes.
  const std::uint64_t most = rules.type == MapType::bloom_filter ? 15 : 0;
  if (spec.map_extra > most)
    return {EINVAL, fmt::format("map_extra is {:#x}, this type takes at most {}", spec.map_extra, most)};
  return check_eviction(spec);
}

Complaint check_ring(const MapSpec& spec) {
  if (spec.key_size != 0 || spec.value_size != 0)
    return {EINVAL, fmt::format("key_size {} and value_size {}, both must be 0", spec.key_size, spec.value_size)};
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  if (!std::has_single_bit(spec.max_entries) || spec.max_entries % page != 0)
    return {EINVAL, fmt::format("max_entries {}, needs a power of two that is a multiple of the page size {}",
                                spec.max_entries, page)};
  return {};
}

Complaint check_table(const MapSpec& spec, const Rules& rules) {
  if (spec.max_entries == 0) return {EINVAL, "max_entries is 0"};
  if (spec.key_size == 0 || (rules.key_size != kAnySize && spec.key_size != rules.key_size))
    return {EINVAL, fmt::format("key_size {} does not fit this type", spec.key_size)};
  const auto& sizes = rules.value_sizes;
  const bool listed = std::find(std::begin(sizes), std::end(sizes), spec.value_size) != std::end(sizes);
  if (spec.value_size == 0 || (sizes[0] != kAnySize && !listed))
    return {EINVAL, fmt::format("value_size {} does not fit this type", spec.value_size)};
  if (spec.value_size > rules.max_value)
    return {E2BIG, fmt::format("value_size {}, at most {}", spec.value_size, rules.max_value)};
  if (std::uint64_t{spec.key_size} + spec.value_size > rules.max_element)
    return {E2BIG, fmt::format("key_size {} and value_size {}, together at most {}", spec.key_size, spec.value_size,
                               rules.max_element)};
  if (spec.max_entries > rules.max_entries)
    return {rules.too_many, fmt::format("max_entries {}, at most {}", spec.max_entries, rules.max_entries)};
  return {};
}

Complaint check_bag(const MapSpec& spec, const Rules& rules) {
  const Complaint large{E2BIG, fmt::format("value_size {}, at most {}", spec.value_size, rules.max_value)};
  // The order in which Linux looks decides which errno a definition with two faults gets.
  if (rules.type == MapType::bloom_filter && spec.value_size > rules.max_value) return large;
  if (spec.key_size != 0 || spec.value_size == 0 || spec.max_entries == 0)
    return {EINVAL, fmt::format("key_size {}, value_size {}, max_entries {}: needs values and no key", spec.key_size,
                                spec.value_size, spec.max_entries)};
  if (spec.value_size > rules.max_value) return large;
  return {};
}

/// Linux has a single errno for all that may be wrong with a trie.
Complaint check_trie(const MapSpec& spec) {
  if (spec.type != MapType::lpm_trie) return {};
  if ((spec.flags & no_prealloc) == 0) return {EINVAL, "flags lack BPF_F_NO_PREALLOC"};
  if (spec.key_size < 5 || spec.key_size > kMaxPrefixKey)
    return {EINVAL, fmt::format("key_size {}, needs 5 to {}", spec.key_size, kMaxPrefixKey)};
  if (spec.value_size > kMaxPrefixValue)
    return {EINVAL, fmt::format("value_size {}, at most {}", spec.value_size, kMaxPrefixValue)};
  return {};
}

Complaint check(const MapSpec& spec, const Rules& rules) {
  if (auto complaint = check_flags(spec, rules); complaint.sys != 0) return complaint;
  switch (rules.shape) {
    case Shape::table: {
      auto complaint = check_trie(spec);
      return complaint.sys == 0 ? check_table(spec, rules) : complaint;
    }
    case Shape::bag:
      return check_bag(spec, rules);
    case Shape::ring:
      return check_ring(spec);
  }
  return {};
}

bool holds_maps(const MapSpec& spec) {
  return spec.type == MapType::array_of_maps || spec.type == MapType::hash_of_maps;
}

/// What stands in the way of storing a map of this kind here, whatever its sizes; empty when nothing does.
std::string missing(const MapSpec& spec) {
  if (!holds_maps(spec)) return {};
  if (spec.inner == nullptr) return "nothing says what the maps inside look like";
  if (rules_for(spec.inner->type) == nullptr)
    return fmt::format("the maps inside: type {} has no storage", name_of(spec.inner->type));
  return {};
}

unsigned cpus_for(const CreateOptions& options) {
  return options.cpus != 0 ? options.cpus : static_cast<unsigned>(std::max(1L, sysconf(_SC_NPROCESSORS_CONF)));
}

/// What inner maps are held to: the definition of a map that was made as `inner` asks, for kinds add flags of their
/// own.
Result<std::shared_ptr<const MapSpec>> template_of(const MapSpec& inner, const std::string& where,
                                                   const CreateOptions& options) {
  if (holds_maps(inner)) return fail(ErrorCode::invalid, where, "the maps inside hold maps", EINVAL);
  const auto sample = create(inner, options);
  if (!sample) return fail(sample.error().code, where, "the maps inside: " + sample.error().what, sample.error().sys);
  if ((*sample)->prog_array() != nullptr)
    return fail(ErrorCode::unsupported, where, "the maps inside hold programs", kNotSupported);
  return std::make_shared<const MapSpec>((*sample)->spec());
}

class StandIn final : public MapStorage {
 public:
  using MapStorage::MapStorage;
  [[nodiscard]] bool usable() const noexcept override { return false; }
};

ErrorCode code_of(int sys) { return sys == EINVAL ? ErrorCode::invalid : ErrorCode::limit; }

}  // namespace

void MapStorage::for_each_key(const std::function<bool(const std::byte* key)>& visit) {
  std::vector<std::byte> key(spec_.key_size);
  for (int error = next_key(nullptr, key.data()); error == 0; error = next_key(key.data(), key.data())) {
    if (!visit(key.data())) return;
  }
}

Result<std::shared_ptr<MapStorage>> create(const MapSpec& spec, const CreateOptions& options) {
  const std::string where = fmt::format("map {}", spec.name);
  const Rules* rules = rules_for(spec.type);
  if (rules == nullptr) {
    const auto type = static_cast<std::uint32_t>(spec.type);
    if (type == 0 || spec.type > MapType::arena)
      return fail(ErrorCode::invalid, where, fmt::format("there is no map type {}", type), EINVAL);
    return fail(ErrorCode::unsupported, where, fmt::format("type {} has no storage", name_of(spec.type)), EINVAL);
  }
  if (auto what = missing(spec); !what.empty()) return fail(ErrorCode::unsupported, where, std::move(what), EINVAL);
  if (auto complaint = check(spec, *rules); complaint.sys != 0)
    return fail(code_of(complaint.sys), where, std::move(complaint.what), complaint.sys);

  MapSpec made = spec;
  if (holds_maps(spec)) {
    auto inner = template_of(*spec.inner, where, options);
    if (!inner) return fail(std::move(inner).error());
    made.inner = std::move(*inner);
  }
  auto map = rules->make({.spec = std::move(made), .cpus = cpus_for(options), .max_bytes = options.max_bytes});
  if (map == nullptr) {
    auto what = fmt::format("no memory for {} entries of key_size {} and value_size {}, limit {} bytes",
                            spec.max_entries, spec.key_size, spec.value_size, options.max_bytes);
    return fail(ErrorCode::limit, where, std::move(what), ENOMEM);
  }
  return map;
}

std::shared_ptr<MapStorage> make_stand_in(const MapSpec& spec, const CreateOptions& options) {
  return std::make_shared<StandIn>(spec, cpus_for(options));
}

}  // namespace skep::maps
