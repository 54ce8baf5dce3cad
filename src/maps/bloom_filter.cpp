// Bloom filters: say of a value that it was surely never pushed, or that it may have been.
//
// As many bits as Linux gives a filter of this size; which bits stand for a value comes from a keyed hash, so nobody
// can prepare values that collide. Behaviour and errno: Linux kernel/bpf/bloom_filter.c.
#include <bit>
#include <vector>

#include "maps/copy.hpp"
#include "maps/hash_key.hpp"
#include "maps/kinds.hpp"
#include "maps/slab.hpp"

namespace skep::maps {
namespace {

constexpr std::uint32_t kDefaultHashes = 5;
constexpr std::uint64_t kMaxBits = std::uint64_t{1} << 32;

class BloomFilter final : public MapStorage {
 public:
  explicit BloomFilter(const Creation& creation)
      : MapStorage(creation.spec, creation.cpus),
        hashes_(spec().map_extra != 0 ? static_cast<std::uint32_t>(spec().map_extra) : kDefaultHashes),
        seed_(HashSeed::make((spec().flags & map_flag::zero_seed) != 0)) {
    // The best number of bits for n values and k hashes is n * k / ln 2.
    const std::uint64_t wanted = std::uint64_t{spec().max_entries} * hashes_ / 5 * 7;
    const std::uint64_t bits = wanted >= kMaxBits / 2 ? kMaxBits : std::max<std::uint64_t>(64, std::bit_ceil(wanted));
    mask_ = bits - 1;
    SlabLayout layout;
    layout.add(bits / 8, 1);
    slab_ = Slab::reserve(layout, creation.max_bytes);
  }

  [[nodiscard]] bool has_memory() const noexcept { return slab_ && seed_.has_value(); }

  int push(const std::byte* value, std::uint64_t flags) noexcept override {
    if (flags != 0) return -EINVAL;
    for_each_bit(value, [](Word& word, std::uint64_t bit) {
      __atomic_fetch_or(&word, bit, __ATOMIC_RELAXED);
      return true;
    });
    return 0;
  }
  int pop(std::byte*) noexcept override { return -EOPNOTSUPP; }
  int peek(std::byte* value) noexcept override {
    const bool all = for_each_bit(
        value, [](Word& word, std::uint64_t bit) { return (__atomic_load_n(&word, __ATOMIC_RELAXED) & bit) != 0; });
    return all ? 0 : -ENOENT;
  }

  int read(const std::byte*, std::byte* value) noexcept override { return peek(value); }
  int write(const std::byte*, const std::byte* value, std::uint64_t flags) noexcept override {
    return push(value, flags);
  }
  int erase(const std::byte*) noexcept override { return -EOPNOTSUPP; }
  int next_key(const std::byte*, std::byte*) noexcept override { return -EOPNOTSUPP; }

 private:
  using Word [[gnu::may_alias]] = std::uint64_t;

  /// Calls `visit(word, bit)` for the bits that stand for `value` until it returns false; whether it never did.
  template <class Visit>
  bool for_each_bit(const std::byte* value, const Visit& visit) noexcept {
    // Two halves of one hash, combined, do as well as many hashes (Kirsch and Mitzenmacher, "Less hashing, same
    // performance", 2006).
    const std::uint64_t hash = AnyKey(value, spec().value_size).hash(*seed_);
    const std::uint64_t step = (hash >> 32) | 1;
    std::uint64_t at = hash;
    for (std::uint32_t i = 0; i < hashes_; ++i, at += step * 0x9e3779b97f4a7c15u) {
      const std::uint64_t bit = (at >> 16) & mask_;
      auto& word = reinterpret_cast<Word*>(slab_.at(0))[bit / 64];
      if (!visit(word, std::uint64_t{1} << bit % 64)) return false;
    }
    return true;
  }

  std::uint32_t hashes_;
  std::uint64_t mask_ = 0;
  std::optional<HashSeed> seed_;
  Slab slab_;
};

}  // namespace

std::shared_ptr<MapStorage> make_bloom_filter(const Creation& creation) {
  auto map = std::make_shared<BloomFilter>(creation);
  return map->has_memory() ? std::shared_ptr<MapStorage>(std::move(map)) : nullptr;
}

}  // namespace skep::maps
