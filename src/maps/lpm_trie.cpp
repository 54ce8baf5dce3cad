// Longest-prefix-match tries: keys are prefixes (struct bpf_lpm_trie_key: length in bits, then bytes), a look-up gives
// the value of the longest one that covers its key.
//
// A binary trie without chains: a node is an entry, or an intermediate one with exactly two children. Nodes and values
// are slots of the map's slab, so a value pointer that a program holds stays valid memory; a removed entry's value may
// then show another's. Writers hold a lock; a reader walks without it and starts anew when a writer has changed
// something meanwhile (`version_` is odd while one does). Behaviour and errno: Linux kernel/bpf/lpm_trie.c.
#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <mutex>
#include <vector>

#include "maps/copy.hpp"
#include "maps/kinds.hpp"
#include "maps/slab.hpp"
#include "maps/slot_pool.hpp"
#include "maps/spin_lock.hpp"
#include "maps/update_flags.hpp"

namespace skep::maps {
namespace {

constexpr std::uint32_t kLengthBytes = 4;
constexpr std::size_t kMaxWords = 32;  // 256 bytes of prefix

/// A prefix held in registers: its bytes as big-endian words, so that the first bit is the highest.
struct Prefix {
  std::uint32_t bits = 0;
  std::array<std::uint64_t, kMaxWords> words;

  Prefix(const std::byte* key, std::uint32_t key_size) noexcept {
    std::memcpy(&bits, key, kLengthBytes);
    const std::uint32_t bytes = key_size - kLengthBytes;
    for (std::uint32_t off = 0; off < bytes; off += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, key + kLengthBytes + off, bytes - off < 8 ? bytes - off : 8);
      words[off / 8] = __builtin_bswap64(word);
    }
  }
  [[nodiscard]] unsigned bit(std::uint32_t index) const noexcept {
    return static_cast<unsigned>(words[index / 64] >> (63 - index % 64)) & 1;
  }
};

class LpmTrie final : public MapStorage {
 public:
  explicit LpmTrie(const Creation& creation)
      : MapStorage(creation.spec, creation.cpus),
        max_bits_((spec().key_size - kLengthBytes) * 8),
        words_((spec().key_size - kLengthBytes + 7) / 8),
        node_bytes_(kKeyOff + words_ * 8),
        stride_(round_up(spec().value_size, 8u)) {
    if (spec().max_entries > kMaxSlots) return;
    SlabLayout layout;
    nodes_off_ = layout.add(std::uint64_t{spec().max_entries} * 2 + 1, node_bytes_);
    values_off_ = layout.add(std::uint64_t{spec().max_entries} + 1, stride_);
    links_off_ = layout.add(std::uint64_t{spec().max_entries} + 2, sizeof(Cell));
    slab_ = Slab::reserve(layout, creation.max_bytes);
    if (!slab_) return;
    area_[0] = {.base = slab_.at(values_off_),
                .bytes = (std::uint64_t{spec().max_entries} + 1) * stride_,
                .stride = stride_,
                .value_size = spec().value_size,
                .readable = programs_may_read(),
                .writable = programs_may_write()};
  }

  [[nodiscard]] bool has_memory() const noexcept { return static_cast<bool>(slab_); }

  std::byte* lookup(const std::byte* key, unsigned /*cpu*/) noexcept override {
    const Prefix wanted(key, spec().key_size);
    std::uint32_t value = 0;
    read_stably([&] { value = find(wanted); });
    return value != 0 ? value_at(value) : nullptr;
  }
  int update(const std::byte* key, const std::byte* value, std::uint64_t flags, unsigned /*cpu*/) noexcept override {
    return programs_may_write() ? write(key, value, flags) : -EPERM;
  }
  int erase(const std::byte* key) noexcept override { return programs_may_write() ? remove(key) : -EPERM; }

  int read(const std::byte* key, std::byte* value) noexcept override {
    const Prefix wanted(key, spec().key_size);
    std::uint32_t found = 0;
    read_stably([&] {
      found = find(wanted);
      if (found != 0) copy_shared(value, value_at(found), spec().value_size);
    });
    return found != 0 ? 0 : -ENOENT;
  }

  int write(const std::byte* key, const std::byte* value, std::uint64_t flags) noexcept override {
    const Prefix wanted(key, spec().key_size);
    if (flags > kExist || wanted.bits > max_bits_) return -EINVAL;
    const Writing writing(*this);
    const Place place = find_place(wanted);
    const bool exact = place.node != 0 && place.matching == wanted.bits && prefix_bits(place.node) == wanted.bits;
    if (exact && value_of(place.node) != 0) {
      if (flags == kNoExist) return -EEXIST;
      // The old value's memory must not change under programs that read it: the new one takes another slot.
      const std::uint32_t old = value_of(place.node);
      store_words(place.node, wanted);
      set_value(place.node, filled_value(value));
      give_value(old);
      return 0;
    }
    if (flags == kExist) return -ENOENT;
    if (entries_ == spec().max_entries) return -ENOSPC;
    ++entries_;
    const std::uint32_t filled = filled_value(value);
    if (!exact) {
      insert(place, wanted, filled);
      return 0;
    }
    store_words(place.node, wanted);
    set_value(place.node, filled);
    return 0;
  }

  int remove(const std::byte* key) noexcept override {
    const Prefix wanted(key, spec().key_size);
    if (wanted.bits > max_bits_) return -EINVAL;
    const Writing writing(*this);
    const Place place = find_place(wanted);
    if (place.node == 0 || place.matching != wanted.bits || prefix_bits(place.node) != wanted.bits ||
        value_of(place.node) == 0)
      return -ENOENT;
    --entries_;
    const std::uint32_t value = value_of(place.node);
    unlink(place);
    give_value(value);
    return 0;
  }

  int next_key(const std::byte* key, std::byte* next) noexcept override {
    const std::scoped_lock lock(lock_);
    if (load(root_) == 0) return -ENOENT;
    std::uint32_t start = load(root_);
    if (key != nullptr) {
      const Prefix after(key, spec().key_size);
      const Place place = after.bits <= max_bits_ ? find_place(after) : Place{};
      const bool exact = place.node != 0 && place.matching == after.bits && prefix_bits(place.node) == after.bits;
      if (exact && value_of(place.node) != 0) {
        const Next found = next_in_postorder(after, place.node);
        if (found.node == 0) return -ENOENT;
        start = found.node;
        if (!found.below) {
          copy_key(start, next);
          return 0;
        }
      }
    }
    copy_key(first_in_postorder(start), next);
    return 0;
  }

  void for_each_key(const std::function<bool(const std::byte* key)>& visit) override {
    std::vector<std::byte> keys;
    {
      const std::scoped_lock lock(lock_);
      std::vector<std::uint32_t> open;
      if (load(root_) != 0) open.push_back(load(root_));
      while (!open.empty()) {
        const std::uint32_t node = open.back();
        open.pop_back();
        if (value_of(node) != 0) {
          keys.resize(keys.size() + spec().key_size);
          copy_key(node, keys.data() + keys.size() - spec().key_size);
        }
        for (unsigned side = 0; side < 2; ++side)
          if (const std::uint32_t below = load(child(node, side)); below != 0) open.push_back(below);
      }
    }
    for (std::size_t off = 0; off < keys.size(); off += spec().key_size)
      if (!visit(keys.data() + off)) return;
  }

  [[nodiscard]] std::span<const ValueArea> value_areas() const noexcept override { return area_; }

 private:
  using Cell [[gnu::may_alias]] = std::uint32_t;
  using Word [[gnu::may_alias]] = std::uint64_t;

  // A node: two children, bits of its prefix, slot of its value (0: intermediate), prefix. Slots count from 1.
  static constexpr std::uint32_t kKeyOff = 16;
  static constexpr std::uint32_t kMaxSlots = 1u << 30;
  static constexpr unsigned kAttempts = 16;

  /// Where a walk towards a prefix ended: the link that leads to `node` (0: nowhere), the one that leads to the node
  /// above, and how many bits of the prefix `node` shares.
  struct Place {
    Cell* link = nullptr;
    Cell* parent_link = nullptr;
    std::uint32_t parent = 0;
    std::uint32_t node = 0;
    std::uint32_t matching = 0;
  };
  /// The next node in postorder, or one below which it is the first.
  struct Next {
    std::uint32_t node = 0;
    bool below = false;
  };

  /// A change of the trie: holds the lock, and readers see that something changes.
  class Writing {
   public:
    explicit Writing(LpmTrie& trie) noexcept : trie_(trie) {
      trie_.lock_.lock();
      trie_.version_.fetch_add(1, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_release);
    }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;
    ~Writing() {
      trie_.version_.fetch_add(1, std::memory_order_release);
      trie_.lock_.unlock();
    }

   private:
    LpmTrie& trie_;
  };

  /// Runs `look` until no writer has changed the trie meanwhile; after a few vain attempts under the lock.
  template <class Look>
  void read_stably(const Look& look) noexcept {
    for (unsigned attempt = 0; attempt < kAttempts; ++attempt) {
      const std::uint64_t version = version_.load(std::memory_order_acquire);
      if ((version & 1) != 0) continue;
      look();
      std::atomic_thread_fence(std::memory_order_acquire);
      if (version_.load(std::memory_order_relaxed) == version) return;
    }
    const std::scoped_lock lock(lock_);
    look();
  }

  // Words that readers look at while they change. What a node holds is published by the store of the link to it.
  [[nodiscard]] static std::uint32_t load(const Cell& cell) noexcept {
    return __atomic_load_n(&cell, __ATOMIC_ACQUIRE);
  }
  static void store(Cell& cell, std::uint32_t value) noexcept { __atomic_store_n(&cell, value, __ATOMIC_RELEASE); }

  [[nodiscard]] std::byte* node_at(std::uint32_t node) const noexcept {
    return slab_.at(nodes_off_ + std::uint64_t{node} * node_bytes_);
  }
  [[nodiscard]] Cell& cell(std::uint32_t node, unsigned index) const noexcept {
    return reinterpret_cast<Cell*>(node_at(node))[index];
  }
  [[nodiscard]] Cell& child(std::uint32_t node, unsigned side) const noexcept { return cell(node, side); }
  [[nodiscard]] std::uint32_t prefix_bits(std::uint32_t node) const noexcept { return load(cell(node, 2)); }
  [[nodiscard]] std::uint32_t value_of(std::uint32_t node) const noexcept { return load(cell(node, 3)); }
  void set_value(std::uint32_t node, std::uint32_t value) noexcept { store(cell(node, 3), value); }
  [[nodiscard]] std::uint64_t word(std::uint32_t node, std::size_t index) const noexcept {
    return __atomic_load_n(reinterpret_cast<Word*>(node_at(node) + kKeyOff) + index, __ATOMIC_ACQUIRE);
  }
  [[nodiscard]] std::byte* value_at(std::uint32_t value) const noexcept {
    return slab_.at(values_off_ + std::uint64_t{value - 1} * stride_);
  }

  // The lists of free slots run through a node's first word, and for values through a row of their own, out of reach.
  class FreeCell {
   public:
    explicit FreeCell(Cell* at) noexcept : at_(at) {}
    [[nodiscard]] std::uint32_t load(std::memory_order) const noexcept { return LpmTrie::load(*at_); }
    void store(std::uint32_t value, std::memory_order) const noexcept { LpmTrie::store(*at_, value); }

   private:
    Cell* at_;
  };
  [[nodiscard]] FreeCell node_cell(std::uint32_t node) const noexcept { return FreeCell(&cell(node, 0)); }
  [[nodiscard]] FreeCell value_cell(std::uint32_t value) const noexcept {
    return FreeCell(reinterpret_cast<Cell*>(slab_.at(links_off_ + std::uint64_t{value} * sizeof(Cell))));
  }
  [[nodiscard]] std::uint32_t take_node() noexcept {
    return nodes_.take([this](std::uint32_t node) { return node_cell(node); });
  }
  void give_node(std::uint32_t node) noexcept {
    nodes_.give(node, [this](std::uint32_t at) { return node_cell(at); });
  }
  [[nodiscard]] std::uint32_t take_value() noexcept {
    return values_.take([this](std::uint32_t value) { return value_cell(value); });
  }
  void give_value(std::uint32_t value) noexcept {
    values_.give(value, [this](std::uint32_t at) { return value_cell(at); });
  }

  [[nodiscard]] std::uint32_t matching_bits(std::uint32_t node, const Prefix& prefix) const noexcept {
    const std::uint32_t limit = std::min(prefix_bits(node), prefix.bits);
    for (std::uint32_t i = 0; i < words_ && i * 64 < limit; ++i) {
      const std::uint64_t differing = word(node, i) ^ prefix.words[i];
      if (differing != 0) return std::min(limit, i * 64 + static_cast<std::uint32_t>(std::countl_zero(differing)));
    }
    return limit;
  }

  /// The value slot of the longest prefix that covers `wanted`, 0 when there is none.
  [[nodiscard]] std::uint32_t find(const Prefix& wanted) const noexcept {
    if (wanted.bits > max_bits_) return 0;
    std::uint32_t found = 0;
    std::uint32_t node = load(root_);
    // A path has no more nodes than bits; a reader that sees more was led astray and will start anew.
    for (std::uint32_t steps = 0; node != 0 && steps <= max_bits_; ++steps) {
      const std::uint32_t bits = prefix_bits(node);
      if (matching_bits(node, wanted) < bits) break;
      if (const std::uint32_t value = value_of(node); value != 0) found = value;
      if (bits >= max_bits_) break;
      node = load(child(node, wanted.bit(bits)));
    }
    return found;
  }

  [[nodiscard]] Place find_place(const Prefix& wanted) noexcept {
    Place place{.link = &root_, .node = load(root_)};
    while (place.node != 0) {
      place.matching = matching_bits(place.node, wanted);
      const std::uint32_t bits = prefix_bits(place.node);
      if (bits != place.matching || bits == wanted.bits || bits == max_bits_) break;
      place.parent_link = place.link;
      place.parent = place.node;
      place.link = &child(place.node, wanted.bit(bits));
      place.node = load(*place.link);
    }
    return place;
  }

  std::uint32_t new_node(const Prefix& prefix, std::uint32_t bits, std::uint32_t value) noexcept {
    const std::uint32_t node = take_node();
    for (unsigned side = 0; side < 2; ++side) store(child(node, side), 0);
    store(cell(node, 2), bits);
    set_value(node, value);
    store_words(node, prefix);
    return node;
  }
  /// Also what lies behind the prefix's bits: next_key() gives it back.
  void store_words(std::uint32_t node, const Prefix& prefix) noexcept {
    auto* words = reinterpret_cast<Word*>(node_at(node) + kKeyOff);
    for (std::size_t i = 0; i < words_; ++i) __atomic_store_n(words + i, prefix.words[i], __ATOMIC_RELEASE);
  }
  std::uint32_t filled_value(const std::byte* value) noexcept {
    const std::uint32_t slot = take_value();
    copy_shared(value_at(slot), value, spec().value_size);
    return slot;
  }

  void insert(const Place& place, const Prefix& wanted, std::uint32_t value) noexcept {
    const std::uint32_t node = new_node(wanted, wanted.bits, value);
    if (place.node == 0) {
      store(*place.link, node);
    } else if (place.matching == wanted.bits) {  // the new prefix covers what is there
      store(child(node, bit_of(place.node, place.matching)), place.node);
      store(*place.link, node);
    } else {
      const std::uint32_t fork = new_node(wanted, place.matching, 0);
      store(child(fork, bit_of(place.node, place.matching)), place.node);
      store(child(fork, wanted.bit(place.matching)), node);
      store(*place.link, fork);
    }
  }
  [[nodiscard]] unsigned bit_of(std::uint32_t node, std::uint32_t index) const noexcept {
    return static_cast<unsigned>(word(node, index / 64) >> (63 - index % 64)) & 1;
  }

  void unlink(const Place& place) noexcept {
    const std::uint32_t below[] = {load(child(place.node, 0)), load(child(place.node, 1))};
    if (below[0] != 0 && below[1] != 0) {
      set_value(place.node, 0);
      return;
    }
    const bool is_leaf = below[0] == 0 && below[1] == 0;
    if (is_leaf && place.parent != 0 && value_of(place.parent) == 0) {
      // The node above was a mere fork: its other branch takes its place.
      const unsigned side = &child(place.parent, 0) == place.link ? 1 : 0;
      store(*place.parent_link, load(child(place.parent, side)));
      give_node(place.parent);
    } else {
      store(*place.link, below[0] != 0 ? below[0] : below[1]);
    }
    give_node(place.node);
  }

  [[nodiscard]] std::uint32_t first_in_postorder(std::uint32_t node) const noexcept {
    for (;;) {
      std::uint32_t below = load(child(node, 0));
      if (below == 0) below = load(child(node, 1));
      if (below == 0) return node;
      node = below;
    }
  }

  /// What follows the entry `node`, which `prefix` leads to: the deepest ancestor that has an unvisited right branch,
  /// or is an entry itself.
  [[nodiscard]] Next next_in_postorder(const Prefix& prefix, std::uint32_t node) const noexcept {
    Next next;
    for (std::uint32_t above = load(root_); above != node;) {
      const unsigned side = prefix.bit(prefix_bits(above));
      const std::uint32_t right = load(child(above, 1));
      if (side == 0 && right != 0)
        next = {right, true};
      else if (value_of(above) != 0)
        next = {above, false};
      above = load(child(above, side));
    }
    return next;
  }

  void copy_key(std::uint32_t node, std::byte* to) const noexcept {
    const std::uint32_t bits = prefix_bits(node);
    std::memcpy(to, &bits, kLengthBytes);
    const std::uint32_t bytes = spec().key_size - kLengthBytes;
    for (std::uint32_t off = 0; off < bytes; off += 8) {
      const std::uint64_t bytes_of_word = __builtin_bswap64(word(node, off / 8));
      std::memcpy(to + kLengthBytes + off, &bytes_of_word, bytes - off < 8 ? bytes - off : 8);
    }
  }

  std::uint32_t max_bits_;
  std::uint32_t words_;
  std::uint32_t node_bytes_;
  std::uint32_t stride_;
  std::uint64_t nodes_off_ = 0;
  std::uint64_t values_off_ = 0;
  std::uint64_t links_off_ = 0;
  Slab slab_;
  std::array<ValueArea, 1> area_{};
  SpinLock lock_;
  std::atomic<std::uint64_t> version_{0};
  Cell root_ = 0;
  std::uint32_t entries_ = 0;  // under the lock
  SlotPool nodes_{spec().max_entries * 2};
  SlotPool values_{spec().max_entries + 1};
};

}  // namespace

std::shared_ptr<MapStorage> make_lpm_trie(const Creation& creation) {
  auto map = std::make_shared<LpmTrie>(creation);
  return map->has_memory() ? std::shared_ptr<MapStorage>(std::move(map)) : nullptr;
}

}  // namespace skep::maps
