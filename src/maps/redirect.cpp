// The maps that XDP programs redirect into: devices, CPUs, sockets. Here they are tables that record where a packet
// would go.
//
// A slot holds a destination or nothing; bpf_redirect_map asks only which. No device, CPU or socket is checked to exist
// and none holds a program of its own (a positive program descriptor is refused). Programs may look, not write.
// Otherwise behaviour and errno are those of Linux kernel/bpf/devmap.c, cpumap.c and net/xdp/xskmap.c.
#include <array>

#include "maps/copy.hpp"
#include "maps/hash.hpp"
#include "maps/index_key.hpp"
#include "maps/kinds.hpp"
#include "maps/slab.hpp"
#include "maps/update_flags.hpp"

namespace skep::maps {
namespace {

constexpr std::uint32_t kMaxQueueSize = 16384;

/// A value as the application writes it: the destination, and in long values a program's descriptor.
struct Destination {
  std::uint32_t target = 0;  // interface index, queue size or socket
  std::int32_t program_fd = 0;

  static Destination from(const std::byte* value, std::uint32_t size) noexcept {
    Destination destination;
    std::memcpy(&destination, value, size < sizeof destination ? size : sizeof destination);
    return destination;
  }
};

/// How the kinds differ.
struct RedirectRules {
  int (*check)(const Destination&);  ///< 0 or the errno that refuses the value
  bool zero_clears;                  ///< a target of 0 empties the slot
  int erase_out_of_range;
};

int check_device(const Destination& to) { return to.program_fd > 0 ? -EINVAL : 0; }
int check_cpu(const Destination& to) {
  if (to.target > kMaxQueueSize) return -EOVERFLOW;
  return to.program_fd > 0 ? -EINVAL : 0;
}
int check_socket(const Destination&) { return 0; }

constexpr RedirectRules kDeviceRules{.check = check_device, .zero_clears = true, .erase_out_of_range = -EINVAL};
constexpr RedirectRules kCpuRules{.check = check_cpu, .zero_clears = true, .erase_out_of_range = -EINVAL};
constexpr RedirectRules kSocketRules{.check = check_socket, .zero_clears = false, .erase_out_of_range = -EINVAL};

MapSpec read_only_for_programs(MapSpec spec) {
  spec.flags |= map_flag::rdonly_prog;
  return spec;
}

class RedirectMap final : public MapStorage {
 public:
  RedirectMap(const Creation& creation, const RedirectRules& rules)
      : MapStorage(read_only_for_programs(creation.spec), creation.cpus), rules_(rules) {
    SlabLayout layout;
    layout.add(spec().max_entries, kStride);
    present_off_ = layout.add(spec().max_entries, 1);
    slab_ = Slab::reserve(layout, creation.max_bytes);
    if (!slab_) return;
    area_[0] = {.base = slab_.at(0),
                .bytes = std::uint64_t{spec().max_entries} * kStride,
                .stride = kStride,
                .value_size = spec().value_size,
                .readable = true,
                .writable = false};
  }

  [[nodiscard]] bool has_memory() const noexcept { return static_cast<bool>(slab_); }

  std::byte* lookup(const std::byte* key, unsigned) noexcept override {
    const std::uint32_t index = index_of(key);
    if (index >= spec().max_entries || __atomic_load_n(present(index), __ATOMIC_ACQUIRE) == 0) return nullptr;
    return value_at(index);
  }
  int update(const std::byte*, const std::byte*, std::uint64_t, unsigned) noexcept override { return -EPERM; }
  int erase(const std::byte*) noexcept override { return -EPERM; }

  int read(const std::byte* key, std::byte* value) noexcept override {
    const std::byte* found = lookup(key, 0);
    if (found == nullptr) return -ENOENT;
    copy_shared(value, found, spec().value_size);
    return 0;
  }
  int write(const std::byte* key, const std::byte* value, std::uint64_t flags) noexcept override {
    if (flags > kExist) return -EINVAL;
    if (index_of(key) >= spec().max_entries) return -E2BIG;
    if (flags == kNoExist) return -EEXIST;
    Destination to = Destination::from(value, spec().value_size);
    if (const int error = rules_.check(to)) return error;
    if (to.target == 0 && rules_.zero_clears) return remove(key);
    to.program_fd = 0;  // reads back as the id of no program
    copy_shared(value_at(index_of(key)), reinterpret_cast<const std::byte*>(&to), sizeof to);
    __atomic_store_n(present(index_of(key)), std::uint8_t{1}, __ATOMIC_RELEASE);
    return 0;
  }
  int remove(const std::byte* key) noexcept override {
    if (index_of(key) >= spec().max_entries) return rules_.erase_out_of_range;
    __atomic_store_n(present(index_of(key)), std::uint8_t{0}, __ATOMIC_RELEASE);
    return 0;
  }
  int next_key(const std::byte* key, std::byte* next) noexcept override {
    return next_index(key, next, spec().max_entries);
  }
  [[nodiscard]] std::span<const ValueArea> value_areas() const noexcept override { return area_; }

 private:
  static constexpr std::uint32_t kStride = 8;

  [[nodiscard]] std::byte* value_at(std::uint32_t index) const noexcept {
    return slab_.at(std::uint64_t{index} * kStride);
  }
  [[nodiscard]] std::uint8_t* present(std::uint32_t index) const noexcept {
    return reinterpret_cast<std::uint8_t*>(slab_.at(present_off_ + index));
  }

  const RedirectRules& rules_;
  std::uint64_t present_off_ = 0;
  Slab slab_;
  std::array<ValueArea, 1> area_{};
};

/// Devices by any 32-bit key.
class DeviceHashMap final : public HashMap<FixedKey<4>> {
 public:
  explicit DeviceHashMap(const Creation& creation) : HashMap(creation) {}

  int write(const std::byte* key, const std::byte* value, std::uint64_t flags) noexcept override {
    Destination to = Destination::from(value, spec().value_size);
    if (flags > kExist || to.target == 0) return -EINVAL;
    if (const int error = check_device(to)) return error;
    to.program_fd = 0;
    // Linux takes BPF_EXIST here but does not ask whether the key exists.
    return HashMap::write(key, reinterpret_cast<const std::byte*>(&to), flags & kNoExist);
  }
};

template <class Map>
std::shared_ptr<MapStorage> when_it_has_memory(std::shared_ptr<Map> map) {
  return map->has_memory() ? std::shared_ptr<MapStorage>(std::move(map)) : nullptr;
}

}  // namespace

std::shared_ptr<MapStorage> make_devmap(const Creation& creation) {
  return when_it_has_memory(std::make_shared<RedirectMap>(creation, kDeviceRules));
}
std::shared_ptr<MapStorage> make_cpumap(const Creation& creation) {
  return when_it_has_memory(std::make_shared<RedirectMap>(creation, kCpuRules));
}
std::shared_ptr<MapStorage> make_xskmap(const Creation& creation) {
  return when_it_has_memory(std::make_shared<RedirectMap>(creation, kSocketRules));
}
std::shared_ptr<MapStorage> make_devmap_hash(const Creation& creation) {
  Creation read_only = creation;
  read_only.spec = read_only_for_programs(creation.spec);
  return when_it_has_memory(std::make_shared<DeviceHashMap>(read_only));
}

}  // namespace skep::maps
