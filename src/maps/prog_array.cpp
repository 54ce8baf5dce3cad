// Program arrays. A slot is one word of the slab: the address of a counted reference on the heap, and a lock in bit 0.
//
// A reader copies the reference under that lock; what a slot held before is let go outside it, since that may destroy a
// program. Behaviour and errno: Linux kernel/bpf/arraymap.c (fd arrays).
#include "maps/prog_array.hpp"

#include <new>

#include "maps/index_key.hpp"
#include "maps/kinds.hpp"
#include "maps/slab.hpp"
#include "maps/spin_lock.hpp"

namespace skep::maps {
namespace {

using Reference = std::shared_ptr<const TailTarget>;

class SlabProgArray final : public ProgArrayMap {
 public:
  explicit SlabProgArray(const Creation& creation) : ProgArrayMap(creation.spec, creation.cpus) {
    SlabLayout layout;
    layout.add(spec().max_entries, sizeof(std::uint64_t));
    slab_ = Slab::reserve(layout, creation.max_bytes);
  }
  ~SlabProgArray() override { SlabProgArray::last_user_gone(); }

  [[nodiscard]] bool has_memory() const noexcept { return static_cast<bool>(slab_); }

  [[nodiscard]] Reference target(std::uint32_t index) const noexcept override {
    if (index >= spec().max_entries) return nullptr;
    const std::uint64_t word = lock(index);
    Reference found;
    if (word != 0) found = *reference_in(word);
    unlock(index, word);
    return found;
  }

  int set(std::uint32_t index, Reference target) noexcept override {
    if (index >= spec().max_entries) return -E2BIG;
    if (target == nullptr) {
      exchange(index, nullptr);
      return 0;
    }
    if (!admits(target->kind())) return -EINVAL;
    auto reference = std::unique_ptr<Reference>(new (std::nothrow) Reference(std::move(target)));
    if (reference == nullptr) return -ENOMEM;
    note_used(index);
    exchange(index, std::move(reference));
    return 0;
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
  int remove(const std::byte* key) noexcept override {
    if (index_of(key) >= spec().max_entries) return -E2BIG;
    return exchange(index_of(key), nullptr) ? 0 : -ENOENT;
  }
  int next_key(const std::byte* key, std::byte* next) noexcept override {
    return next_index(key, next, spec().max_entries);
  }

  [[nodiscard]] ProgArrayMap* prog_array() noexcept override { return this; }

  void last_user_gone() noexcept override {
    const std::uint64_t used = used_.load(std::memory_order_acquire);
    for (std::uint64_t index = 0; index < used; ++index) exchange(static_cast<std::uint32_t>(index), nullptr);
  }

 private:
  static constexpr std::uint64_t kLocked = 1;
  static constexpr std::uint64_t kNoKind = ~std::uint64_t{0};

  [[nodiscard]] static Reference* reference_in(std::uint64_t word) noexcept {
    return reinterpret_cast<Reference*>(word);
  }
  [[nodiscard]] std::uint64_t* slot(std::uint32_t index) const noexcept {
    return reinterpret_cast<std::uint64_t*>(slab_.at(std::uint64_t{index} * sizeof(std::uint64_t)));
  }

  // What the slot holds, once it is ours.
  [[nodiscard]] std::uint64_t lock(std::uint32_t index) const noexcept {
    Backoff backoff;
    for (;;) {
      const std::uint64_t word = __atomic_fetch_or(slot(index), kLocked, __ATOMIC_ACQUIRE);
      if ((word & kLocked) == 0) return word;
      backoff.pause();
    }
  }
  void unlock(std::uint32_t index, std::uint64_t word) const noexcept {
    __atomic_store_n(slot(index), word, __ATOMIC_RELEASE);
  }

  std::unique_ptr<Reference> exchange(std::uint32_t index, std::unique_ptr<Reference> reference) noexcept {
    const std::uint64_t old = lock(index);
    unlock(index, reinterpret_cast<std::uint64_t>(reference.release()));
    return std::unique_ptr<Reference>(reference_in(old));
  }

  // The first target decides which kind of program the array holds.
  [[nodiscard]] bool admits(std::uint32_t kind) noexcept {
    std::uint64_t owner = kNoKind;
    return kind_.compare_exchange_strong(owner, kind, std::memory_order_relaxed) || owner == kind;
  }

  // Remembers up to where slots were ever filled, so that emptying a huge array stays cheap.
  void note_used(std::uint32_t index) noexcept {
    std::uint64_t used = used_.load(std::memory_order_relaxed);
    while (used <= index && !used_.compare_exchange_weak(used, std::uint64_t{index} + 1, std::memory_order_release)) {
    }
  }

  Slab slab_;
  std::atomic<std::uint64_t> used_{0};
  std::atomic<std::uint64_t> kind_{kNoKind};
};

}  // namespace

std::shared_ptr<MapStorage> make_prog_array(const Creation& creation) {
  auto map = std::make_shared<SlabProgArray>(creation);
  return map->has_memory() ? std::shared_ptr<MapStorage>(std::move(map)) : nullptr;
}

}  // namespace skep::maps
