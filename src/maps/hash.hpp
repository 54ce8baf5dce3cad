// Hash maps, per-CPU hash maps and those that evict (LRU): a HashTable that says which slot a key has, and a row of
// values for all slots.
//
// Preallocated, as Linux does it by default: a slot's memory stays what it is for the map's life, so a value pointer
// that a program holds stays valid after its key is gone, and may then show another key's value. Updating a key of a
// plain hash gives it a new slot; of a per-CPU hash, only the value changes. Behaviour and errno: Linux
// kernel/bpf/hashtab.c.
#pragma once

#include <array>
#include <optional>

#include "maps/copy.hpp"
#include "maps/direct.hpp"
#include "maps/hash_table.hpp"
#include "maps/kinds.hpp"
#include "maps/slab.hpp"

namespace skep::maps {

/// The values of all slots: `lanes` rows of them, one a CPU. Rows lie apart, so that CPUs share no cache lines.
class SlotValues {
 public:
  SlotValues(std::uint64_t slots, std::uint32_t value_size, unsigned lanes, SlabLayout& layout) noexcept
      : stride_(round_up(value_size, 8u)), value_size_(value_size), lanes_(lanes) {
    const std::uint64_t row = lanes == 1 ? slots : round_up(slots, kLinePad);
    lane_bytes_ = row * stride_;
    off_ = layout.add(row, std::uint64_t{stride_} * lanes);
  }
  void settle(const Slab& slab) noexcept { base_ = slab.at(off_); }

  [[nodiscard]] std::uint32_t stride() const noexcept { return stride_; }
  [[nodiscard]] std::byte* at(std::uint32_t slot, unsigned lane) const noexcept {
    return base_ + lane * lane_bytes_ + std::uint64_t{slot - 1} * stride_;
  }
  [[nodiscard]] ValueArea area(bool readable, bool writable) const noexcept {
    return {.base = base_,
            .bytes = lane_bytes_ * lanes_,
            .stride = stride_,
            .value_size = value_size_,
            .readable = readable,
            .writable = writable};
  }

 private:
  static constexpr std::uint64_t kLinePad = 8;  // eight values of 8·n bytes end on a cache line

  std::byte* base_ = nullptr;
  std::uint64_t off_ = 0;
  std::uint64_t lane_bytes_ = 0;
  std::uint32_t stride_;
  std::uint32_t value_size_;
  unsigned lanes_;
};

/// What plain and per-CPU hash maps have in common.
template <class Key, bool kEvicts>
class HashMapBase : public MapStorage {
 public:
  [[nodiscard]] bool has_memory() const noexcept { return table_.has_value(); }

  int erase(const std::byte* key) noexcept override { return programs_may_write() ? table_->erase(key) : -EPERM; }
  int remove(const std::byte* key) noexcept override { return table_->erase(key); }
  int next_key(const std::byte* key, std::byte* next) noexcept override { return table_->next_key(key, next); }
  void for_each_key(const std::function<bool(const std::byte* key)>& visit) override { table_->for_each_key(visit); }

  std::int64_t visit(unsigned cpu, const std::function<bool(const std::byte* key, std::byte* value)>& visit) override {
    std::int64_t visits = 0;
    table_->for_each_key([&](const std::byte* key) {
      std::byte* value = lookup(key, cpu);
      if (value == nullptr) return true;  // removed since its bucket was read
      ++visits;
      return visit(key, value);
    });
    return visits;
  }

  [[nodiscard]] std::span<const ValueArea> value_areas() const noexcept override { return area_; }

 protected:
  HashMapBase(const Creation& creation, unsigned lanes) : MapStorage(creation.spec, creation.cpus) {
    SlabLayout layout;
    const std::uint64_t value_bytes = std::uint64_t{round_up(spec().value_size, 8u)} * lanes;
    const auto geometry = HashGeometry::plan(spec().max_entries, spec().key_size, value_bytes, kEvicts, layout);
    values_.emplace(geometry.slots(), spec().value_size, lanes, layout);
    slab_ = Slab::reserve(layout, creation.max_bytes);
    const auto seed = HashSeed::make((spec().flags & map_flag::zero_seed) != 0);
    if (!slab_ || !seed) return;
    values_->settle(slab_);
    area_[0] = values_->area(programs_may_read(), programs_may_write());
    table_.emplace(geometry, slab_, *seed);
  }

  /// The slot that a program's look-up finds, 0 for none.
  [[nodiscard]] std::uint32_t find(const std::byte* key) const noexcept {
    const std::uint32_t slot = table_->find(key);
    if constexpr (kEvicts)
      if (slot != 0) table_->mark(slot);
    return slot;
  }
  [[nodiscard]] HashTable<Key>& table() noexcept { return *table_; }
  [[nodiscard]] const SlotValues& values() const noexcept { return *values_; }

 private:
  Slab slab_;
  std::optional<HashTable<Key>> table_;
  std::optional<SlotValues> values_;
  std::array<ValueArea, 1> area_{};
};

template <class Key, bool kEvicts = false>
class HashMap : public HashMapBase<Key, kEvicts> {
 public:
  explicit HashMap(const Creation& creation) : HashMapBase<Key, kEvicts>(creation, 1) {}

  std::byte* lookup(const std::byte* key, unsigned /*cpu*/) noexcept override {
    const std::uint32_t slot = this->find(key);
    return slot != 0 ? this->values().at(slot, 0) : nullptr;
  }
  [[nodiscard]] MapStorage::Direct direct(DirectCall call) const noexcept override {
    return direct_call<HashMap>(call, this->spec());
  }
  [[gnu::always_inline]] inline int update(const std::byte* key, const std::byte* value, std::uint64_t flags,
                                           unsigned /*cpu*/) noexcept override {
    return this->programs_may_write() ? store(key, value, flags) : -EPERM;
  }
  int read(const std::byte* key, std::byte* value) noexcept override {
    const auto copy = [&](std::uint32_t slot) {
      copy_shared(value, this->values().at(slot, 0), this->spec().value_size);
    };
    return this->table().read(key, copy) ? 0 : -ENOENT;
  }
  int write(const std::byte* key, const std::byte* value, std::uint64_t flags) noexcept override {
    return store(key, value, flags);
  }

 private:
  [[gnu::always_inline]] inline int store(const std::byte* key, const std::byte* value, std::uint64_t flags) noexcept {
    if (kEvicts || flags != kAny || !is_words(value)) return store_otherwise(key, value, flags);
    return this->table().put(key, [this, value](std::uint32_t slot) {
      copy_words_shared(this->values().at(slot, 0), value, this->spec().value_size);
    });
  }
  /// The value can be copied word by word; the map's own are aligned.
  [[nodiscard]] bool is_words(const std::byte* value) const noexcept {
    return ((reinterpret_cast<std::uintptr_t>(value) | this->spec().value_size) & 7) == 0;
  }
  [[gnu::noinline]] int store_otherwise(const std::byte* key, const std::byte* value, std::uint64_t flags) noexcept {
    const auto fill = [this, value](std::uint32_t slot) {
      copy_shared(this->values().at(slot, 0), value, this->spec().value_size);
    };
    return this->table().store(key, flags, false, fill, fill);
  }
};

template <class Key, bool kEvicts = false>
class PerCpuHashMap final : public HashMapBase<Key, kEvicts> {
 public:
  explicit PerCpuHashMap(const Creation& creation) : HashMapBase<Key, kEvicts>(creation, creation.cpus) {}

  [[nodiscard]] bool per_cpu() const noexcept override { return true; }
  [[nodiscard]] MapStorage::Direct direct(DirectCall call) const noexcept override {
    return direct_call<PerCpuHashMap>(call, this->spec());
  }

  std::byte* lookup(const std::byte* key, unsigned cpu) noexcept override {
    const std::uint32_t slot = this->find(key);
    return slot != 0 ? this->values().at(slot, cpu) : nullptr;
  }
  int update(const std::byte* key, const std::byte* value, std::uint64_t flags, unsigned cpu) noexcept override {
    if (!this->programs_may_write()) return -EPERM;
    const auto set_own = [&](std::uint32_t slot) {
      copy_shared(this->values().at(slot, cpu), value, this->spec().value_size);
    };
    const auto set_own_and_zero_others = [&](std::uint32_t slot) {
      for (unsigned other = 0; other < this->cpus(); ++other) {
        if (other != cpu) zero_shared(this->values().at(slot, other), this->values().stride());
      }
      set_own(slot);
    };
    return this->table().store(key, flags, true, set_own_and_zero_others, set_own);
  }
  int read(const std::byte* key, std::byte* value) noexcept override {
    const auto copy = [&](std::uint32_t slot) {
      const std::size_t stride = this->values().stride();
      for (unsigned cpu = 0; cpu < this->cpus(); ++cpu)
        copy_shared(value + cpu * stride, this->values().at(slot, cpu), stride);
    };
    return this->table().read(key, copy) ? 0 : -ENOENT;
  }
  int write(const std::byte* key, const std::byte* value, std::uint64_t flags) noexcept override {
    const auto set_all = [&](std::uint32_t slot) {
      const std::size_t stride = this->values().stride();
      for (unsigned cpu = 0; cpu < this->cpus(); ++cpu)
        copy_shared(this->values().at(slot, cpu), value + cpu * stride, stride);
    };
    return this->table().store(key, flags, true, set_all, set_all);
  }
};

}  // namespace skep::maps
