// A map of the running kernel, driven through bpf(2), to be played the same operations as one of ours.
#pragma once

#include <memory>

#include "support/kernel.hpp"

#include <skep/map.hpp>

namespace skep::kernel {

class KernelMap {
 public:
  /// A map of maps is made with a descriptor of one like those inside.
  explicit KernelMap(const MapSpec& spec, int inner_fd = 0) : spec_(spec) {
    bpf_attr attr{};
    attr.map_type = static_cast<std::uint32_t>(spec.type);
    attr.key_size = spec.key_size;
    attr.value_size = spec.value_size;
    attr.max_entries = spec.max_entries;
    attr.map_flags = spec.flags;
    attr.map_extra = spec.map_extra;
    attr.inner_map_fd = static_cast<std::uint32_t>(inner_fd);
    fd_ = Descriptor(call(BPF_MAP_CREATE, attr));
  }

  /// 0, or the negative errno that creation gave.
  [[nodiscard]] int error() const { return fd_.ok() ? 0 : fd_.get(); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// The number that a map of maps shows for this one.
  [[nodiscard]] std::uint32_t id() const {
    bpf_map_info info{};
    bpf_attr attr{};
    attr.info.bpf_fd = static_cast<std::uint32_t>(fd_.get());
    attr.info.info_len = sizeof info;
    attr.info.info = reinterpret_cast<std::uint64_t>(&info);
    return call(BPF_OBJ_GET_INFO_BY_FD, attr) == 0 ? info.id : 0;
  }

  int lookup(const std::byte* key, std::byte* value) const { return element(BPF_MAP_LOOKUP_ELEM, key, value, 0); }
  int update(const std::byte* key, const std::byte* value, std::uint64_t flags) const {
    return element(BPF_MAP_UPDATE_ELEM, key, value, flags);
  }
  /// Takes a queue's or a stack's next value out.
  int pop(std::byte* value) const { return element(BPF_MAP_LOOKUP_AND_DELETE_ELEM, nullptr, value, 0); }
  int erase(const std::byte* key) const { return element(BPF_MAP_DELETE_ELEM, key, nullptr, 0); }
  int next_key(const std::byte* key, std::byte* next) const { return element(BPF_MAP_GET_NEXT_KEY, key, next, 0); }
  int freeze() const {
    bpf_attr attr{};
    attr.map_fd = static_cast<std::uint32_t>(fd_.get());
    return call(BPF_MAP_FREEZE, attr);
  }

 private:
  int element(bpf_cmd command, const std::byte* key, const std::byte* value, std::uint64_t flags) const {
    bpf_attr attr{};
    attr.map_fd = static_cast<std::uint32_t>(fd_.get());
    attr.key = reinterpret_cast<std::uint64_t>(key);
    attr.value = reinterpret_cast<std::uint64_t>(value);
    attr.flags = flags;
    return call(command, attr);
  }

  MapSpec spec_;
  Descriptor fd_;
};

/// Values that the kernel keeps in a per-CPU map; 0 when it does not say.
inline unsigned possible_cpus() {
  const long cpus = ::sysconf(_SC_NPROCESSORS_CONF);
  return cpus > 0 ? static_cast<unsigned>(cpus) : 0;
}

}  // namespace skep::kernel
