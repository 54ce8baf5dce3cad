// The interface of a live map: what a program's helpers do with it, what the application does, and which memory of it a
// running program may touch. One file a kind implements it; factory.hpp makes them.
//
// Invariants every kind keeps: all functions may be called from any thread at any time; look-ups take no lock; a value
// pointer handed to a program stays valid memory as long as the map lives, whatever other threads do (its contents may
// then belong to another key, as with Linux' preallocated maps). Keys and values are exactly spec().key_size and
// value_size bytes unless said otherwise. Errors are Linux' negative errno, as a helper returns them in r0.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include <skep/map.hpp>

#include "base/bits.hpp"

namespace skep::maps {

class RingBufferMap;
class ProgArrayMap;
class MapOfMaps;
class PerfArrayMap;

/// Linux' own ENOTSUPP, which bpf(2) hands out although no libc has a name for it: the kind has no such operation.
inline constexpr int kNotSupported = 524;

/// A contiguous run of values of one map that programs hold pointers into: value i lies at base + i * stride and has
/// value_size bytes. An access must stay inside one value.
struct ValueArea {
  std::byte* base = nullptr;
  std::uint64_t bytes = 0;
  std::uint32_t stride = 0;
  std::uint32_t value_size = 0;
  bool readable = true;  ///< false with BPF_F_WRONLY_PROG
  bool writable = true;  ///< false with BPF_F_RDONLY_PROG
};

/// What copies values of more bytes takes microseconds.
inline constexpr std::uint32_t kShortValueBytes = 4096;

/// Helpers' calls that may go straight to a map's own code.
enum class DirectCall : std::uint8_t { lookup, update, erase, reserve, submit, discard };

class MapStorage {
 public:
  explicit MapStorage(MapSpec spec, unsigned cpus) : spec_(std::move(spec)), cpus_(cpus) {}
  virtual ~MapStorage() = default;
  MapStorage(const MapStorage&) = delete;
  MapStorage& operator=(const MapStorage&) = delete;

  [[nodiscard]] const MapSpec& spec() const noexcept { return spec_; }
  [[nodiscard]] unsigned cpus() const noexcept { return cpus_; }
  [[nodiscard]] virtual bool per_cpu() const noexcept { return false; }

  // What a program does. `cpu` < cpus() is the CPU the run holds; only per-CPU kinds look at it.

  /// The value under `key`, or null. The default is that of kinds that programs cannot look things up in.
  [[nodiscard]] virtual std::byte* lookup(const std::byte* /*key*/, unsigned /*cpu*/) noexcept { return nullptr; }
  /// Stores value_size bytes (for a per-CPU kind: into `cpu`'s value). `flags` as in bpf_map_update_elem. -EPERM, here
  /// and in erase(), for a map that is read-only for programs; Linux' verifier refuses such a call.
  virtual int update(const std::byte* /*key*/, const std::byte* /*value*/, std::uint64_t /*flags*/,
                     unsigned /*cpu*/) noexcept {
    return -kNotSupported;
  }
  virtual int erase(const std::byte* /*key*/) noexcept { return -kNotSupported; }
  /// Visits the entries as bpf_for_each_map_elem does, until `visit` returns false; `value` may be written through.
  /// The number of visits, or a negative errno.
  virtual std::int64_t visit(unsigned /*cpu*/,
                             const std::function<bool(const std::byte* key, std::byte* value)>& /*visit*/) {
    return -EINVAL;
  }

  // What programs and the application do to kinds without keys: bpf_map_push_elem and its kin. A value is value_size
  // bytes; peek() of a Bloom filter reads it, all others write it.
  virtual int push(const std::byte* /*value*/, std::uint64_t /*flags*/) noexcept { return -kNotSupported; }
  virtual int pop(std::byte* /*value*/) noexcept { return -kNotSupported; }
  virtual int peek(std::byte* /*value*/) noexcept { return -kNotSupported; }

  // What the application does. Values are host_value_size() bytes.

  [[nodiscard]] std::size_t host_value_size() const noexcept {
    return per_cpu() ? std::size_t{round_up(spec_.value_size, 8u)} * cpus_ : spec_.value_size;
  }
  /// Copies the value under `key` out. 0 or a negative errno.
  virtual int read(const std::byte* /*key*/, std::byte* /*value*/) noexcept { return -kNotSupported; }
  virtual int write(const std::byte* key, const std::byte* value, std::uint64_t flags) noexcept {
    return update(key, value, flags, 0);
  }
  virtual int remove(const std::byte* key) noexcept { return erase(key); }
  /// The key after `key` (null or absent: the first) into `next`. -ENOENT at the end.
  virtual int next_key(const std::byte* /*key*/, std::byte* /*next*/) noexcept { return -kNotSupported; }
  /// Visits each key once, whatever other threads add or remove meanwhile, until `visit` returns false. The default
  /// follows next_key(), which is enough for kinds whose keys never move.
  virtual void for_each_key(const std::function<bool(const std::byte* key)>& visit);

  /// BPF_MAP_FREEZE: from now on the application may not write (Map gives EPERM); programs still may. -EPERM when it is
  /// frozen already.
  int freeze() noexcept { return frozen_.exchange(true) ? -EPERM : 0; }
  [[nodiscard]] bool frozen() const noexcept { return frozen_.load(std::memory_order_relaxed); }

  /// Tells the live maps of this process apart (Linux: the map's id).
  [[nodiscard]] std::uint32_t id() const noexcept {
    return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(this) / alignof(std::max_align_t));
  }

  // What the run time needs to know.

  /// What a program's call of a helper comes to in this very map, for callers that know the map and need not ask it.
  /// The call's arguments follow a word that calls have a free register for: the CPU that the run holds for a per-CPU
  /// kind, the map for those about a ring-buffer record; others do not look at it. The result is r0. So generated code
  /// calls it with its registers where they lie.
  using Direct = std::uint64_t (*)(std::uint64_t word, std::uint64_t r1, std::uint64_t r2, std::uint64_t r3,
                                   std::uint64_t r4) noexcept;
  /// Null where the kind has no code of its own for the call, and for what takes long.
  [[nodiscard]] virtual Direct direct(DirectCall /*call*/) const noexcept { return nullptr; }

  /// The memory of this map that programs may hold pointers into. Fixed for the map's life.
  [[nodiscard]] virtual std::span<const ValueArea> value_areas() const noexcept { return {}; }
  /// False for a stand-in (see make_stand_in): programs that name it cannot be built.
  [[nodiscard]] virtual bool usable() const noexcept { return true; }
  /// This map as one of the kinds that have helpers of their own; null for all others.
  [[nodiscard]] virtual RingBufferMap* ring_buffer() noexcept { return nullptr; }
  [[nodiscard]] virtual ProgArrayMap* prog_array() noexcept { return nullptr; }
  [[nodiscard]] virtual MapOfMaps* map_of_maps() noexcept { return nullptr; }
  [[nodiscard]] virtual PerfArrayMap* perf_array() noexcept { return nullptr; }
  /// The application's last handle is gone; programs may still use the map. A program array drops its programs here, so
  /// that no cycle of programs and maps keeps itself alive (Linux does the same).
  virtual void last_user_gone() noexcept {}
  /// The application's handles count themselves here.
  void add_user() noexcept { users_.fetch_add(1, std::memory_order_relaxed); }
  void drop_user() noexcept {
    if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) last_user_gone();
  }

 protected:
  [[nodiscard]] bool programs_may_read() const noexcept { return (spec_.flags & map_flag::wronly_prog) == 0; }
  [[nodiscard]] bool programs_may_write() const noexcept { return (spec_.flags & map_flag::rdonly_prog) == 0; }

 private:
  MapSpec spec_;
  unsigned cpus_;
  std::atomic<std::uint32_t> users_{0};
  std::atomic<bool> frozen_{false};
};

/// Limits and choices at creation that are not part of the map's definition.
struct CreateOptions {
  unsigned cpus = 0;                                 ///< values of a per-CPU map; 0: CPUs of this machine
  std::uint64_t max_bytes = std::uint64_t{4} << 30;  ///< ENOMEM above: address space one map may take
};

/// A live, empty (arrays: zeroed) map. Errors with the errno that Linux' BPF_MAP_CREATE gives; ErrorCode::unsupported
/// for a type that skep has no storage for yet.
[[nodiscard]] Result<std::shared_ptr<MapStorage>> create(const MapSpec& spec, const CreateOptions& options = {});

/// What stands for a map of a type that has no storage here, so that the other maps and programs of its object can be
/// used: it tells its spec, and every operation is refused.
[[nodiscard]] std::shared_ptr<MapStorage> make_stand_in(const MapSpec& spec, const CreateOptions& options = {});

}  // namespace skep::maps
