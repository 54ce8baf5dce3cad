// How large the parts of a hash table are.
#include "maps/hash_table.hpp"

#include <algorithm>

namespace skep::maps {
namespace {

constexpr std::uint32_t kMaxStripes = 128;
constexpr std::uint64_t kSpareBytes = std::uint64_t{1} << 20;  // what all spare slots together may take
constexpr std::uint64_t kStripe = 64;

}  // namespace

HashGeometry HashGeometry::plan(std::uint32_t max_entries, std::uint32_t key_size, std::uint64_t value_bytes,
                                bool evicts, SlabLayout& layout) noexcept {
  HashGeometry plan;
  plan.max_entries = max_entries;
  plan.key_size = key_size;
  const std::uint64_t buckets = std::max<std::uint64_t>(2, std::bit_ceil(std::uint64_t{max_entries}));
  plan.bucket_bits = static_cast<std::uint32_t>(std::countr_zero(buckets));
  plan.stripes = static_cast<std::uint32_t>(std::min<std::uint64_t>(buckets, kMaxStripes));
  while (plan.stripes > 1 && plan.stripes * value_bytes > kSpareBytes) plan.stripes /= 2;
  plan.node_bytes = static_cast<std::uint32_t>(node_bytes_of(key_size));
  plan.buckets_off = layout.add(buckets, sizeof(std::uint32_t));
  plan.nodes_off = layout.add(plan.slots() + 1, plan.node_bytes);  // slot 0 means none
  plan.stripes_off = layout.add(plan.stripes, kStripe);
  plan.evicts = evicts;
  if (evicts) {
    plan.homes_off = layout.add(plan.slots() + 1, sizeof(std::uint32_t));
    plan.marks_off = layout.add(plan.slots() + 1, 1);
  }
  return plan;
}

}  // namespace skep::maps
