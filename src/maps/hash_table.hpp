// The table under all hash maps: which slot holds a key. Knows nothing of values.
//
// Every element has a slot, a number from 1; slot n's node (links and key) is here, its value lies elsewhere, out of
// which programs cannot reach the node. Buckets are singly linked chains of slots. Writers hold the lock of the
// bucket's stripe; readers hold nothing. A reader may stand on a node that is taken out and even used again in another
// chain:
//
// - A node it finds with its key is a right answer: links of a removed node stay as they were until the slot is used
//   again, and then it carries its new key before anyone can reach it.
// - Not finding the key is an answer only when no node left a chain of the stripe meanwhile; the stripe counts
//   departures. After a few vain attempts a reader takes the lock, so a walk always ends.
//
// To replace an element, its successor takes the place in the chain by one store: a reader sees the old or the new one,
// never none. Each stripe owns one spare slot for that, so replacing works in a full table too.
//
// A table that evicts never says that it is full: a hand goes round the slots, passes by those that were looked up
// since it came last (their mark is wiped) and takes the next element out, so that recently used ones stay.
#pragma once

#include <atomic>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "base/bits.hpp"
#include "base/threads.hpp"
#include "maps/hash_key.hpp"
#include "maps/slab.hpp"
#include "maps/slot_pool.hpp"
#include "maps/spin_lock.hpp"
#include "maps/update_flags.hpp"

namespace skep::maps {

/// Sizes and places of a table's parts, fixed at creation.
struct HashGeometry {
  std::uint32_t max_entries = 0;
  std::uint32_t key_size = 0;
  std::uint32_t bucket_bits = 0;
  std::uint32_t stripes = 0;
  std::uint32_t node_bytes = 0;
  std::uint64_t buckets_off = 0;
  std::uint64_t nodes_off = 0;
  std::uint64_t stripes_off = 0;
  std::uint64_t homes_off = 0;  ///< of a table that evicts
  std::uint64_t marks_off = 0;
  bool evicts = false;

  /// How far nodes of such keys lie apart: a small one must not straddle two cache lines.
  [[nodiscard]] static constexpr std::uint64_t node_bytes_of(std::uint32_t key_size) noexcept {
    constexpr std::uint64_t kHeader = 8;
    constexpr std::uint64_t kLine = 64;
    const std::uint64_t node = kHeader + round_up(std::uint64_t{key_size}, std::uint64_t{8});
    return node <= kLine ? std::bit_ceil(node) : node;
  }

  /// Every slot there can be: one an element and one spare a stripe.
  [[nodiscard]] std::uint64_t slots() const noexcept { return std::uint64_t{max_entries} + stripes; }

  /// Adds the parts of a table to `layout`. `value_bytes` is what one slot's values take, to keep the spares cheap.
  [[nodiscard]] static HashGeometry plan(std::uint32_t max_entries, std::uint32_t key_size, std::uint64_t value_bytes,
                                         bool evicts, SlabLayout& layout) noexcept;
};

template <class Key>
class HashTable {
 public:
  /// `slab` is zeroed, laid out by `geometry`, and outlives the table.
  HashTable(const HashGeometry& geometry, const Slab& slab, const HashSeed& seed)
      : geometry_(geometry),
        bucket_shift_(64 - geometry.bucket_bits),
        stripe_mask_(geometry.stripes - 1),
        buckets_(slab.at(geometry.buckets_off)),
        nodes_(slab.at(geometry.nodes_off)),
        stripes_(slab.at(geometry.stripes_off)),
        homes_(slab.at(geometry.homes_off)),
        marks_(slab.at(geometry.marks_off)),
        seed_(seed),
        pool_(geometry.max_entries) {}

  /// The slot that holds `key`, 0 when none does. Takes no lock while other threads leave the stripe in peace.
  [[nodiscard]] std::uint32_t find(const std::byte* key) const noexcept {
    const Key wanted(key, geometry_.key_size);
    const std::uint64_t hash = wanted.hash(seed_);
    std::uint32_t slot = head_of(hash).load(std::memory_order_acquire);
    if (slot == 0) return 0;  // at that moment the chain had nothing in it
    for (unsigned steps = kQuickSteps; slot != 0 && steps != 0; --steps) {
      if (holds(slot, wanted, hash)) return slot;
      slot = next_of(slot).load(std::memory_order_acquire);
    }
    return find_again(wanted, hash);
  }

  /// Calls `copy(slot)` so that what it copies belongs to `key` from first to last byte: it is called again when the
  /// slot may have changed hands meanwhile. False when the key is not there.
  template <class Copy>
  [[nodiscard]] bool read(const std::byte* key, const Copy& copy) const noexcept {
    const Key wanted(key, geometry_.key_size);
    const std::uint64_t hash = wanted.hash(seed_);
    const Stripe stripe = stripe_of(hash);
    for (unsigned attempt = 0; attempt < kAttempts; ++attempt) {
      const std::uint32_t departures = stripe.departures();
      const std::uint32_t slot = walk(wanted, hash);
      if (slot != 0) copy(slot);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (stripe.departures() == departures) return slot != 0;
    }
    const Locked locked(stripe);
    const std::uint32_t slot = walk(wanted, hash);
    if (slot != 0) copy(slot);
    return slot != 0;
  }

  /// Stores under `key` as `flags` allow: `fill(slot)` writes the value of a slot that nobody finds yet. `in_place`
  /// says that an element that is there keeps its slot and is handed to `refill(slot)` instead of being replaced.
  template <class Fill, class Refill>
  [[gnu::always_inline]] inline int store(const std::byte* key, std::uint64_t flags, bool in_place, const Fill& fill,
                                          const Refill& refill) noexcept {
    if (flags > kExist) return -EINVAL;
    const Key wanted(key, geometry_.key_size);
    const std::uint64_t hash = wanted.hash(seed_);
    if (geometry_.evicts) return store_evicting(wanted, hash, flags, in_place, fill, refill);
    return store_at<false>(wanted, hash, flags, in_place, fill, refill, [this] { return take_free(); });
  }

  /// store() of a table that does not evict, whatever was there before: an element is replaced. What is rare is left to
  /// functions of their own that nothing comes after, so that the rest needs no frame if `fill` calls nothing.
  template <class Fill>
  [[gnu::always_inline]] inline int put(const std::byte* key, const Fill& fill) noexcept {
    const Key wanted(key, geometry_.key_size);
    const std::uint64_t hash = wanted.hash(seed_);
    const Stripe stripe = stripe_of(hash);
    const std::uint32_t word = stripe.word();
    if (!stripe.lock_from(word)) return put_in_time(wanted, hash, fill);
    Link link = head_of(hash);
    const std::uint32_t old = walk_to(wanted, hash, link);
    if (old == 0) return put_new(wanted, hash, word, fill);
    const std::uint32_t slot = spare_for(stripe, hash);
    prepare(slot, wanted, hash, fill);
    next_of(slot).store(next_of(old).load(std::memory_order_relaxed), std::memory_order_relaxed);
    link.store(slot, std::memory_order_release);
    stripe.set_spare(old);
    stripe.unlock(Stripe::with_departure(word));
    return 0;
  }

  /// Notes that a slot was used, for a table that evicts.
  void mark(std::uint32_t slot) const noexcept {
    std::uint8_t* mark = mark_of(slot);
    if (__atomic_load_n(mark, __ATOMIC_RELAXED) == 0) __atomic_store_n(mark, std::uint8_t{1}, __ATOMIC_RELAXED);
  }

 private:
  template <class Fill, class Refill>
  [[gnu::noinline]] int store_evicting(Key wanted, std::uint64_t hash, std::uint64_t flags, bool in_place, Fill fill,
                                       Refill refill) noexcept {
    // Taking an element out needs its stripe's lock, so it is done before this one's is held.
    std::uint32_t reserved = 0;
    const auto take_reserved = [&reserved] { return std::exchange(reserved, 0); };
    int result = store_at<true>(wanted, hash, flags, in_place, fill, refill, take_reserved);
    if (result != -E2BIG) return result;
    reserved = take_or_evict();
    result = store_at<true>(wanted, hash, flags, in_place, fill, refill, take_reserved);
    if (reserved != 0) pool_.give(reserved, cells());
    return result;
  }

  template <class Fill>
  [[gnu::noinline]] int put_in_time(Key wanted, std::uint64_t hash, Fill fill) noexcept {
    return store_at<false>(wanted, hash, kAny, false, fill, fill, [this] { return take_free(); });
  }
  /// With the lock held, and the word as it was before.
  template <class Fill>
  [[gnu::noinline]] int put_new(Key wanted, std::uint64_t hash, std::uint32_t word, Fill fill) noexcept {
    const std::uint32_t slot = take_free();
    if (slot != 0) {
      prepare(slot, wanted, hash, fill);
      link_first(slot, hash);
    }
    stripe_of(hash).unlock(word);
    return slot != 0 ? 0 : -E2BIG;
  }

  /// Gives a slot that nobody finds yet its value and its key.
  template <class Fill>
  [[gnu::always_inline]] inline void prepare(std::uint32_t slot, const Key& wanted, std::uint64_t hash,
                                             const Fill& fill) noexcept {
    // Readers that validate by departures must see the last one before they see what is written from here on.
    std::atomic_thread_fence(std::memory_order_release);
    fill(slot);
    wanted.store(key_at(slot));
    tag_of(slot).store(tag(hash), std::memory_order_release);
  }
  void link_first(std::uint32_t slot, std::uint64_t hash) noexcept {
    const Link head = head_of(hash);
    next_of(slot).store(head.load(std::memory_order_relaxed), std::memory_order_release);
    head.store(slot, std::memory_order_release);
  }

  /// store() with the lock held; a new element gets the slot that `take_slot` gives, 0 for none.
  template <bool kEvicts, class Fill, class Refill, class TakeSlot>
  [[gnu::always_inline]] inline int store_at(const Key& wanted, std::uint64_t hash, std::uint64_t flags, bool in_place,
                                             const Fill& fill, const Refill& refill,
                                             const TakeSlot& take_slot) noexcept {
    const Stripe stripe = stripe_of(hash);
    Locked locked(stripe);
    Link link = head_of(hash);
    const std::uint32_t old = walk_to(wanted, hash, link);
    if (old != 0 && flags == kNoExist) return -EEXIST;
    if (old == 0 && flags == kExist) return -ENOENT;
    if (old != 0 && in_place) {
      refill(old);
      if (kEvicts) mark(old);
      return 0;
    }
    const std::uint32_t slot = old != 0 ? spare_for(stripe, hash) : take_slot();
    if (slot == 0) return -E2BIG;
    prepare(slot, wanted, hash, [&](std::uint32_t) {
      fill(slot);
      if (!kEvicts) return;
      home_of(slot).store(static_cast<std::uint32_t>(bucket_of(hash)), std::memory_order_relaxed);
      __atomic_store_n(mark_of(slot), std::uint8_t{old != 0}, __ATOMIC_RELAXED);
    });
    if (old != 0) {
      next_of(slot).store(next_of(old).load(std::memory_order_relaxed), std::memory_order_relaxed);
      link.store(slot, std::memory_order_release);
      stripe.set_spare(old);
      locked.mark_departure();
    } else {
      link_first(slot, hash);
    }
    return 0;
  }

 public:
  /// Takes `key` out; `on_removed(slot)` is called once nobody finds the slot any more and before it is used again.
  /// -ENOENT when the key is not there.
  template <class OnRemoved>
  int erase(const std::byte* key, const OnRemoved& on_removed) noexcept {
    const Key wanted(key, geometry_.key_size);
    const std::uint64_t hash = wanted.hash(seed_);
    std::uint32_t slot = 0;
    {
      Locked locked(stripe_of(hash));
      Link link = head_of(hash);
      slot = walk_to(wanted, hash, link);
      if (slot == 0) return -ENOENT;
      link.store(next_of(slot).load(std::memory_order_relaxed), std::memory_order_release);
      locked.mark_departure();
    }
    on_removed(slot);
    // Only now that the departure is counted may the slot be used again.
    pool_.give(slot, cells());
    return 0;
  }
  int erase(const std::byte* key) noexcept {
    return erase(key, [](std::uint32_t) {});
  }

  /// Calls `visit(slot)` for each element, when no other thread uses the table any more.
  template <class Visit>
  void for_each_slot(const Visit& visit) const {
    if (!pool_.ever_used()) return;
    for (std::uint64_t bucket = 0; bucket < buckets(); ++bucket) {
      for (std::uint32_t slot = head_at(bucket).load(std::memory_order_relaxed); slot != 0;
           slot = next_of(slot).load(std::memory_order_relaxed))
        visit(slot);
    }
  }

  /// The key after `key` in bucket order into `next`; the first when `key` is null or absent. -ENOENT at the end.
  int next_key(const std::byte* key, std::byte* next) const noexcept {
    std::uint64_t bucket = 0;
    if (key != nullptr) {
      const Key wanted(key, geometry_.key_size);
      const std::uint64_t hash = wanted.hash(seed_);
      const Locked locked(stripe_of(hash));
      const std::uint32_t slot = walk(wanted, hash);
      const std::uint32_t after = slot != 0 ? next_of(slot).load(std::memory_order_relaxed) : 0;
      if (after != 0) {
        copy_key(after, next);
        return 0;
      }
      if (slot != 0) bucket = bucket_of(hash) + 1;
    }
    if (!pool_.ever_used()) return -ENOENT;
    for (; bucket < buckets(); ++bucket) {
      if (head_at(bucket).load(std::memory_order_relaxed) == 0) continue;
      const Locked locked(stripe_at(bucket));
      const std::uint32_t first = head_at(bucket).load(std::memory_order_relaxed);
      if (first == 0) continue;
      copy_key(first, next);
      return 0;
    }
    return -ENOENT;
  }

  /// Calls `visit(key)` once for each key until it returns false. No lock is held during a call; a key that was
  /// removed meanwhile may still be visited.
  template <class Visit>
  void for_each_key(const Visit& visit) const {
    if (!pool_.ever_used()) return;
    std::vector<std::byte> keys;
    for (std::uint64_t bucket = 0; bucket < buckets(); ++bucket) {
      if (head_at(bucket).load(std::memory_order_relaxed) == 0) continue;
      collect_keys(bucket, keys);
      for (std::size_t off = 0; off < keys.size(); off += geometry_.key_size) {
        if (!visit(keys.data() + off)) return;
      }
    }
  }

 private:
  static constexpr unsigned kAttempts = 16;
  static constexpr unsigned kQuickSteps = 8;  // longer chains are rare enough to be walked twice
  static constexpr std::size_t kKeyOff = 8;
  static constexpr std::size_t kStripeBytes = 64;

  using Cell [[gnu::may_alias]] = std::uint32_t;

  // A 4-byte word of the slab that several threads use.
  class Link {
   public:
    explicit Link(std::byte* at) : at_(reinterpret_cast<Cell*>(at)) {}
    [[nodiscard]] std::uint32_t load(std::memory_order order) const noexcept {
      return __atomic_load_n(at_, static_cast<int>(order));
    }
    void store(std::uint32_t value, std::memory_order order) const noexcept {
      __atomic_store_n(at_, value, static_cast<int>(order));
    }
    [[nodiscard]] bool exchange_if(std::uint32_t& seen, std::uint32_t value) const noexcept {
      return __atomic_compare_exchange_n(at_, &seen, value, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
    }

   private:
    Cell* at_;
  };

  // Lock, departures and spare slot of every stripes-th bucket. The word is departures << 1 | locked.
  class Stripe {
   public:
    explicit Stripe(std::byte* at) : word_(at), spare_(at + 4) {}
    [[nodiscard]] std::uint32_t departures() const noexcept { return word_.load(std::memory_order_acquire) >> 1; }
    [[nodiscard, gnu::always_inline]] inline std::uint32_t lock() const noexcept {
      std::uint32_t word = word_.load(std::memory_order_relaxed);
      return lock_from(word) ? word : lock_in_time(word_);
    }
    [[nodiscard]] std::uint32_t word() const noexcept { return word_.load(std::memory_order_relaxed); }
    /// Locks it, if its word still is what was seen.
    [[nodiscard, gnu::always_inline]] inline bool lock_from(std::uint32_t seen) const noexcept {
      return single_threaded() || ((seen & 1) == 0 && word_.exchange_if(seen, seen | 1));
    }
    [[nodiscard]] static std::uint32_t with_departure(std::uint32_t word) noexcept { return word + 2; }
    [[gnu::always_inline]] inline void unlock(std::uint32_t word) const noexcept {
      word_.store(word, std::memory_order_release);
    }
    [[nodiscard]] std::uint32_t spare() const noexcept { return spare_.load(std::memory_order_relaxed); }
    void set_spare(std::uint32_t slot) const noexcept { spare_.store(slot, std::memory_order_relaxed); }

   private:
    [[nodiscard, gnu::noinline]] static std::uint32_t lock_in_time(Link at) noexcept {
      Backoff backoff;
      for (;;) {
        std::uint32_t word = at.load(std::memory_order_relaxed);
        if ((word & 1) == 0 && at.exchange_if(word, word | 1)) return word;
        backoff.pause();
      }
    }

    Link word_;
    Link spare_;
  };

  class Locked {
   public:
    [[gnu::always_inline]] inline explicit Locked(Stripe stripe) : stripe_(stripe), word_(stripe.lock()) {}
    Locked(const Locked&) = delete;
    Locked& operator=(const Locked&) = delete;
    [[gnu::always_inline]] inline ~Locked() { stripe_.unlock(word_); }
    void mark_departure() noexcept { word_ = Stripe::with_departure(word_); }

   private:
    Stripe stripe_;
    std::uint32_t word_;  // what the stripe's word will be after unlock
  };

  [[nodiscard]] std::uint64_t buckets() const noexcept { return std::uint64_t{1} << geometry_.bucket_bits; }
  [[nodiscard]] std::uint64_t bucket_of(std::uint64_t hash) const noexcept { return hash >> bucket_shift_; }
  [[nodiscard]] static std::uint32_t tag(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash); }

  [[nodiscard]] Link head_at(std::uint64_t bucket) const noexcept { return Link(buckets_ + bucket * 4); }
  [[nodiscard]] Link head_of(std::uint64_t hash) const noexcept { return head_at(bucket_of(hash)); }
  [[nodiscard]] Stripe stripe_at(std::uint64_t bucket) const noexcept {
    return Stripe(stripes_ + (bucket & stripe_mask_) * kStripeBytes);
  }
  [[nodiscard]] Stripe stripe_of(std::uint64_t hash) const noexcept { return stripe_at(bucket_of(hash)); }

  // A node: next slot, tag (part of the hash; the pool's list cell while the slot is free), key words.
  [[nodiscard]] std::byte* node(std::uint32_t slot) const noexcept {
    if constexpr (Key::kSize != 0) return nodes_ + slot * HashGeometry::node_bytes_of(Key::kSize);
    return nodes_ + std::uint64_t{slot} * geometry_.node_bytes;
  }
  [[nodiscard]] Link next_of(std::uint32_t slot) const noexcept { return Link(node(slot)); }
  [[nodiscard]] Link tag_of(std::uint32_t slot) const noexcept { return Link(node(slot) + 4); }
  [[nodiscard]] KeyCell key_at(std::uint32_t slot) const noexcept { return KeyCell(node(slot) + kKeyOff); }
  [[nodiscard]] auto cells() const noexcept {
    return [this](std::uint32_t slot) { return tag_of(slot); };
  }

  // The spare slot for this hash; until its stripe has used it, one of the slots after the elements'.
  [[nodiscard, gnu::always_inline]] inline std::uint32_t spare_for(Stripe stripe, std::uint64_t hash) const noexcept {
    const std::uint32_t spare = stripe.spare();
    if (spare != 0) [[likely]]
      return spare;
    return geometry_.max_entries + 1 + static_cast<std::uint32_t>(bucket_of(hash) & stripe_mask_);
  }

  [[nodiscard, gnu::always_inline]] inline bool holds(std::uint32_t slot, const Key& wanted,
                                                      std::uint64_t hash) const noexcept {
    if constexpr (Key::kOneWord) return wanted.equals(key_at(slot));
    return tag_of(slot).load(std::memory_order_acquire) == tag(hash) && wanted.equals(key_at(slot));
  }

  // No chain is longer than the number of slots; a reader that has taken more steps was led from chain to chain.
  [[nodiscard]] std::uint32_t walk(const Key& wanted, std::uint64_t hash) const noexcept {
    std::uint32_t slot = head_of(hash).load(std::memory_order_acquire);
    for (std::uint64_t steps = geometry_.slots(); slot != 0 && steps != 0; --steps) {
      if (holds(slot, wanted, hash)) return slot;
      slot = next_of(slot).load(std::memory_order_acquire);
    }
    return 0;
  }

  // For writers: also finds the link that leads to the slot.
  [[nodiscard, gnu::always_inline]] inline std::uint32_t walk_to(const Key& wanted, std::uint64_t hash,
                                                                 Link& link) const noexcept {
    std::uint32_t slot = link.load(std::memory_order_relaxed);
    while (slot != 0 && !holds(slot, wanted, hash)) {
      link = next_of(slot);
      slot = link.load(std::memory_order_relaxed);
    }
    return slot;
  }

  [[nodiscard]] Link home_of(std::uint32_t slot) const noexcept { return Link(homes_ + std::uint64_t{slot} * 4); }
  [[nodiscard]] std::uint8_t* mark_of(std::uint32_t slot) const noexcept {
    return reinterpret_cast<std::uint8_t*>(marks_ + slot);
  }

  [[nodiscard]] std::uint32_t take_free() noexcept { return pool_.take(cells()); }

  // A slot of our own, whatever it takes. Every element has a slot that the hand comes by, so this ends unless other
  // threads keep all slots for themselves, each for the moment between two steps of theirs.
  [[nodiscard]] std::uint32_t take_or_evict() noexcept {
    for (;;) {
      if (const std::uint32_t slot = take_free(); slot != 0) return slot;
      const auto slot =
          static_cast<std::uint32_t>(hand_.fetch_add(1, std::memory_order_relaxed) % geometry_.slots()) + 1;
      if (__atomic_exchange_n(mark_of(slot), std::uint8_t{0}, __ATOMIC_RELAXED) == 0 && evict(slot)) return slot;
    }
  }

  // Takes the element in `slot` out, if there is one, wherever it is; the slot is then the caller's.
  [[nodiscard]] bool evict(std::uint32_t slot) noexcept {
    const std::uint64_t bucket = home_of(slot).load(std::memory_order_relaxed);
    Locked locked(stripe_at(bucket));
    Link link = head_at(bucket);
    std::uint32_t at = link.load(std::memory_order_relaxed);
    while (at != 0 && at != slot) {
      link = next_of(at);
      at = link.load(std::memory_order_relaxed);
    }
    if (at == 0) return false;
    link.store(next_of(slot).load(std::memory_order_relaxed), std::memory_order_release);
    locked.mark_departure();
    return true;
  }

  // The careful half of find(): makes sure that a key that was not found is not there.
  [[nodiscard, gnu::noinline]] std::uint32_t find_again(Key wanted, std::uint64_t hash) const noexcept {
    const Stripe stripe = stripe_of(hash);
    for (unsigned attempt = 0; attempt < kAttempts; ++attempt) {
      const std::uint32_t departures = stripe.departures();
      if (const std::uint32_t slot = walk(wanted, hash); slot != 0) return slot;
      if (stripe.departures() == departures) return 0;
    }
    const Locked locked(stripe);
    return walk(wanted, hash);
  }

  void copy_key(std::uint32_t slot, std::byte* to) const noexcept {
    for (std::size_t off = 0; off < geometry_.key_size; off += 8) {
      const std::uint64_t word = key_at(slot).load(off / 8);
      std::memcpy(to + off, &word, geometry_.key_size - off < 8 ? geometry_.key_size - off : 8);
    }
  }

  void collect_keys(std::uint64_t bucket, std::vector<std::byte>& keys) const {
    keys.clear();
    const Locked locked(stripe_at(bucket));
    for (std::uint32_t slot = head_at(bucket).load(std::memory_order_relaxed); slot != 0;
         slot = next_of(slot).load(std::memory_order_relaxed)) {
      keys.resize(keys.size() + geometry_.key_size);
      copy_key(slot, keys.data() + keys.size() - geometry_.key_size);
    }
  }

  HashGeometry geometry_;
  std::uint32_t bucket_shift_;
  std::uint32_t stripe_mask_;
  std::byte* buckets_;
  std::byte* nodes_;
  std::byte* stripes_;
  std::byte* homes_;  // by slot: the bucket it was last put into
  std::byte* marks_;  // by slot: looked up since the hand came by
  HashSeed seed_;
  SlotPool pool_;
  std::atomic<std::uint64_t> hand_{0};
};

}  // namespace skep::maps
