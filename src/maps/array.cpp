// Arrays and per-CPU arrays: a fixed row of values, all present from the start, none ever removed.
//
// A value never moves, so look-ups are one addition. The values of one CPU lie together, apart from those of the
// others, so that CPUs do not share cache lines. Behaviour and errno: Linux kernel/bpf/arraymap.c.
#include <array>

#include "maps/copy.hpp"
#include "maps/direct.hpp"
#include "maps/index_key.hpp"
#include "maps/kinds.hpp"
#include "maps/slab.hpp"
#include "maps/update_flags.hpp"

namespace skep::maps {
namespace {

/// Both kinds of array; one with a single CPU's values is the plain one.
class ArrayMap : public MapStorage {
 public:
  ArrayMap(const Creation& creation, unsigned lanes)
      : MapStorage(creation.spec, creation.cpus), stride_(round_up(spec().value_size, 8u)) {
    SlabLayout layout;
    lane_bytes_ = std::uint64_t{spec().max_entries} * stride_;
    // Whole values between two lanes, so that all lanes together are one evenly spaced area.
    const std::uint64_t lane_values =
        lanes == 1 ? spec().max_entries : round_up(std::uint64_t{spec().max_entries}, kLinePad);
    std::uint64_t values = 0;
    if (__builtin_mul_overflow(lane_values, std::uint64_t{lanes}, &values)) return;
    layout.add(values, stride_);
    slab_ = Slab::reserve(layout, creation.max_bytes);
    if (!slab_) return;
    lane_bytes_ = lane_values * stride_;
    area_[0] = {.base = slab_.at(0),
                .bytes = values * stride_,
                .stride = stride_,
                .value_size = spec().value_size,
                .readable = programs_may_read(),
                .writable = programs_may_write()};
  }

  [[nodiscard]] bool has_memory() const noexcept { return static_cast<bool>(slab_); }

  std::byte* lookup(const std::byte* key, unsigned cpu) noexcept override {
    const std::uint32_t index = index_of(key);
    return index < spec().max_entries ? value_at(index, cpu) : nullptr;
  }

  int update(const std::byte* key, const std::byte* value, std::uint64_t flags, unsigned cpu) noexcept override {
    if (!programs_may_write()) return -EPERM;
    if (const int error = check_update(key, flags)) return error;
    copy_shared(value_at(index_of(key), cpu), value, spec().value_size);
    return 0;
  }

  int erase(const std::byte*) noexcept override { return -EINVAL; }

  std::int64_t visit(unsigned cpu, const std::function<bool(const std::byte* key, std::byte* value)>& visit) override {
    std::int64_t visits = 0;
    for (std::uint32_t index = 0; index < spec().max_entries; ++index) {
      ++visits;
      if (!visit(reinterpret_cast<const std::byte*>(&index), value_at(index, cpu))) break;
    }
    return visits;
  }

  int read(const std::byte* key, std::byte* value) noexcept override {
    if (index_of(key) >= spec().max_entries) return -ENOENT;
    copy_shared(value, value_at(index_of(key), 0), spec().value_size);
    return 0;
  }

  int write(const std::byte* key, const std::byte* value, std::uint64_t flags) noexcept override {
    if (const int error = check_update(key, flags)) return error;
    copy_shared(value_at(index_of(key), 0), value, spec().value_size);
    return 0;
  }

  int next_key(const std::byte* key, std::byte* next) noexcept override {
    return next_index(key, next, spec().max_entries);
  }

  [[nodiscard]] std::span<const ValueArea> value_areas() const noexcept override { return area_; }

 protected:
  [[nodiscard]] std::byte* value_at(std::uint32_t index, unsigned lane) const noexcept {
    return area_[0].base + lane * lane_bytes_ + std::uint64_t{index} * stride_;
  }

  // The order of the checks decides which errno a call with two faults gets.
  [[nodiscard]] int check_update(const std::byte* key, std::uint64_t flags) const noexcept {
    if ((flags & ~kLockFlag) > kExist) return -EINVAL;
    if (index_of(key) >= spec().max_entries) return -E2BIG;
    if ((flags & kNoExist) != 0) return -EEXIST;
    if ((flags & kLockFlag) != 0) return -EINVAL;
    return 0;
  }

  [[nodiscard]] std::uint32_t stride() const noexcept { return stride_; }

 private:
  static constexpr std::uint64_t kLinePad = 8;  // eight values of 8·n bytes end on a cache line

  std::uint32_t stride_;
  std::uint64_t lane_bytes_ = 0;
  Slab slab_;
  std::array<ValueArea, 1> area_{};
};

class PlainArrayMap final : public ArrayMap {
 public:
  explicit PlainArrayMap(const Creation& creation) : ArrayMap(creation, 1) {}
  std::byte* lookup(const std::byte* key, unsigned) noexcept override { return ArrayMap::lookup(key, 0); }
  [[nodiscard]] Direct direct(DirectCall call) const noexcept override {
    return direct_call<PlainArrayMap>(call, spec());
  }
  int update(const std::byte* key, const std::byte* value, std::uint64_t flags, unsigned) noexcept override {
    return ArrayMap::update(key, value, flags, 0);
  }
  std::int64_t visit(unsigned, const std::function<bool(const std::byte*, std::byte*)>& visit) override {
    return ArrayMap::visit(0, visit);
  }
};

class PerCpuArrayMap final : public ArrayMap {
 public:
  explicit PerCpuArrayMap(const Creation& creation) : ArrayMap(creation, creation.cpus) {}

  [[nodiscard]] bool per_cpu() const noexcept override { return true; }
  [[nodiscard]] Direct direct(DirectCall call) const noexcept override {
    return direct_call<PerCpuArrayMap>(call, spec());
  }

  int read(const std::byte* key, std::byte* value) noexcept override {
    if (index_of(key) >= spec().max_entries) return -ENOENT;
    for (unsigned cpu = 0; cpu < cpus(); ++cpu)
      copy_shared(value + std::size_t{cpu} * stride(), value_at(index_of(key), cpu), stride());
    return 0;
  }

  int write(const std::byte* key, const std::byte* value, std::uint64_t flags) noexcept override {
    if (flags > kExist) return -EINVAL;
    if (const int error = check_update(key, flags)) return error;
    for (unsigned cpu = 0; cpu < cpus(); ++cpu)
      copy_shared(value_at(index_of(key), cpu), value + std::size_t{cpu} * stride(), stride());
    return 0;
  }
};

template <class Kind>
std::shared_ptr<MapStorage> make(const Creation& creation) {
  auto map = std::make_shared<Kind>(creation);
  return map->has_memory() ? std::shared_ptr<MapStorage>(std::move(map)) : nullptr;
}

}  // namespace

std::shared_ptr<MapStorage> make_array(const Creation& creation) { return make<PlainArrayMap>(creation); }
std::shared_ptr<MapStorage> make_percpu_array(const Creation& creation) { return make<PerCpuArrayMap>(creation); }

}  // namespace skep::maps
