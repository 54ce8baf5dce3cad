// Program arrays: shared slots that hold tail-call targets of one kind.
//
// Behaviour and errno: Linux kernel/bpf/arraymap.c (fd arrays).
#include "maps/prog_array.hpp"

#include "maps/index_key.hpp"
#include "maps/kinds.hpp"
#include "maps/shared_slots.hpp"

namespace skep::maps {
namespace {

class SlotProgArray final : public ProgArrayMap {
 public:
  using Reference = std::shared_ptr<const TailTarget>;

  explicit SlotProgArray(const Creation& creation)
      : ProgArrayMap(creation.spec, creation.cpus), slots_(creation.spec.max_entries, creation.max_bytes) {}

  [[nodiscard]] bool has_memory() const noexcept { return slots_.has_memory(); }

  [[nodiscard]] Reference target(std::uint32_t index) const noexcept override { return slots_.get(index); }

  int set(std::uint32_t index, Reference target) noexcept override {
    if (index >= spec().max_entries) return -E2BIG;
    if (target != nullptr && !admits(target->kind())) return -EINVAL;
    return slots_.set(index, std::move(target));
  }

  int read(const std::byte* key, std::byte* value) noexcept override {
    const Reference found = target(index_of(key));
    if (found == nullptr) return -ENOENT;
    const std::uint32_t id = found->id();
    std::memcpy(value, &id, sizeof id);
    return 0;
  }
  // A number names no program here: programs go in through set().
  int write(const std::byte* key, const std::byte* /*value*/, std::uint64_t flags) noexcept override {
    if (flags == 0 && index_of(key) >= spec().max_entries) return -E2BIG;
    return -EINVAL;
  }
  int remove(const std::byte* key) noexcept override { return slots_.remove(index_of(key)); }
  int next_key(const std::byte* key, std::byte* next) noexcept override {
    return next_index(key, next, spec().max_entries);
  }

  [[nodiscard]] ProgArrayMap* prog_array() noexcept override { return this; }

  void last_user_gone() noexcept override { slots_.clear(); }

 private:
  static constexpr std::uint64_t kNoKind = ~std::uint64_t{0};

  // The first target decides which kind of program the array holds.
  [[nodiscard]] bool admits(std::uint32_t kind) noexcept {
    std::uint64_t owner = kNoKind;
    return kind_.compare_exchange_strong(owner, kind, std::memory_order_relaxed) || owner == kind;
  }

  SharedSlotArray<const TailTarget> slots_;
  std::atomic<std::uint64_t> kind_{kNoKind};
};

}  // namespace

std::shared_ptr<MapStorage> make_prog_array(const Creation& creation) {
  auto map = std::make_shared<SlotProgArray>(creation);
  return map->has_memory() ? std::shared_ptr<MapStorage>(std::move(map)) : nullptr;
}

}  // namespace skep::maps
