// Queues and stacks: a ring of values; pushing to a full one fails, or with BPF_EXIST drops the oldest.
//
// Values are copied in and out under a lock, so programs hold no pointers into them. Behaviour and errno: Linux
// kernel/bpf/queue_stack_maps.c.
#include <mutex>

#include "maps/copy.hpp"
#include "maps/kinds.hpp"
#include "maps/slab.hpp"
#include "maps/spin_lock.hpp"
#include "maps/update_flags.hpp"

namespace skep::maps {
namespace {

enum class Order { first_in_first_out, last_in_first_out };

class QueueMap final : public MapStorage {
 public:
  QueueMap(const Creation& creation, Order order)
      : MapStorage(creation.spec, creation.cpus), order_(order), stride_(round_up(spec().value_size, 8u)) {
    SlabLayout layout;
    layout.add(spec().max_entries, stride_);
    slab_ = Slab::reserve(layout, creation.max_bytes);
  }

  [[nodiscard]] bool has_memory() const noexcept { return static_cast<bool>(slab_); }

  int push(const std::byte* value, std::uint64_t flags) noexcept override {
    if (flags != 0 && flags != kExist) return -EINVAL;
    const std::scoped_lock lock(lock_);
    if (count_ == spec().max_entries) {
      if (flags != kExist) return -E2BIG;
      drop_oldest();
    }
    copy_shared(value_at(count_++), value, spec().value_size);
    return 0;
  }
  int pop(std::byte* value) noexcept override { return take(value, true); }
  int peek(std::byte* value) noexcept override { return take(value, false); }

  int read(const std::byte*, std::byte* value) noexcept override { return peek(value); }
  int write(const std::byte*, const std::byte* value, std::uint64_t flags) noexcept override {
    return push(value, flags);
  }
  int erase(const std::byte*) noexcept override { return -EINVAL; }
  int next_key(const std::byte*, std::byte*) noexcept override { return -EINVAL; }

 private:
  int take(std::byte* value, bool remove) noexcept {
    const std::scoped_lock lock(lock_);
    if (count_ == 0) {
      for (std::uint32_t i = 0; i < spec().value_size; ++i)
        __atomic_store_n(reinterpret_cast<std::uint8_t*>(value) + i, std::uint8_t{0}, __ATOMIC_RELAXED);
      return -ENOENT;
    }
    copy_shared(value, value_at(order_ == Order::first_in_first_out ? 0 : count_ - 1), spec().value_size);
    if (!remove) return 0;
    if (order_ == Order::first_in_first_out)
      drop_oldest();
    else
      --count_;
    return 0;
  }
  void drop_oldest() noexcept {
    oldest_ = oldest_ + 1 == spec().max_entries ? 0 : oldest_ + 1;
    --count_;
  }
  /// The value `age` places behind the oldest.
  [[nodiscard]] std::byte* value_at(std::uint32_t age) const noexcept {
    return slab_.at((std::uint64_t{oldest_} + age) % spec().max_entries * stride_);
  }

  Order order_;
  std::uint32_t stride_;
  Slab slab_;
  SpinLock lock_;
  std::uint32_t oldest_ = 0;  // under the lock, as is
  std::uint32_t count_ = 0;
};

std::shared_ptr<MapStorage> make(const Creation& creation, Order order) {
  auto map = std::make_shared<QueueMap>(creation, order);
  return map->has_memory() ? std::shared_ptr<MapStorage>(std::move(map)) : nullptr;
}

}  // namespace

std::shared_ptr<MapStorage> make_queue(const Creation& creation) { return make(creation, Order::first_in_first_out); }
std::shared_ptr<MapStorage> make_stack(const Creation& creation) { return make(creation, Order::last_in_first_out); }

}  // namespace skep::maps
