// Reading maps the way user space does: by their public handle.
#include "cli/map_view.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace skep::cli {
namespace {

constexpr std::uint32_t kMaxVisits = 4096;  // of the parts of a type that is summed
constexpr std::uint8_t kBool = 4;

bool is_array(MapType type) { return type == MapType::array || type == MapType::percpu_array; }

/// Little-endian keys of machine-word sizes are numbers; others compare as bytes.
bool key_less(const MapEntry& a, const MapEntry& b) {
  const std::size_t size = a.key.size();
  if (size != 1 && size != 2 && size != 4 && size != 8) return a.key < b.key;
  std::uint64_t x = 0, y = 0;
  std::memcpy(&x, a.key.data(), size);
  std::memcpy(&y, b.key.data(), size);
  return x < y;
}

/// Adds `from` to `to`, as integers of `size` bytes.
void add_integer(std::span<std::byte> to, std::span<const std::byte> from) {
  std::uint64_t a = 0, b = 0;
  std::memcpy(&a, to.data(), to.size());
  std::memcpy(&b, from.data(), from.size());
  a += b;
  std::memcpy(to.data(), &a, to.size());
}

/// Collects where the integers of a type lie; false when something else is in it.
struct Leaves {
  struct Leaf {
    std::uint64_t offset;
    std::uint32_t bytes;
  };
  const btf::Btf& btf;
  std::vector<Leaf> found;
  std::uint32_t visits = 0;

  bool collect(btf::TypeId id, std::uint64_t offset) {
    const btf::Type& type = btf.type(btf.strip(id));
    if (++visits > kMaxVisits) return false;
    switch (type.kind) {
      case btf::Kind::int_:
        if (type.size > 8 || (type.int_encoding & kBool) != 0) return false;
        found.push_back({offset, type.size});
        return true;
      case btf::Kind::array:
        return collect_array(type, offset);
      case btf::Kind::struct_: {
        const auto members = btf.members(type);
        return std::all_of(members.begin(), members.end(), [&](const btf::Member& member) {
          return member.bit_size == 0 && member.bit_offset % 8 == 0 &&
                 collect(member.type, offset + member.bit_offset / 8);
        });
      }
      case btf::Kind::void_:
      case btf::Kind::ptr:
      case btf::Kind::union_:
      case btf::Kind::enum_:
      case btf::Kind::fwd:
      case btf::Kind::typedef_:
      case btf::Kind::volatile_:
      case btf::Kind::const_:
      case btf::Kind::restrict_:
      case btf::Kind::func:
      case btf::Kind::func_proto:
      case btf::Kind::var:
      case btf::Kind::datasec:
      case btf::Kind::float_:
      case btf::Kind::decl_tag:
      case btf::Kind::type_tag:
      case btf::Kind::enum64:
        return false;
    }
    return false;
  }

  bool collect_array(const btf::Type& type, std::uint64_t offset) {
    const auto bytes = btf.size_of(type.ref);
    if (!bytes || *bytes == 0) return false;
    for (std::uint32_t i = 0; i < type.count; ++i)
      if (!collect(type.ref, offset + std::uint64_t{i} * *bytes)) return false;
    return true;
  }
};

}  // namespace

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

bool has_entries(const Map& map) { return map.spec().key_size != 0 && map.spec().type != MapType::ringbuf; }

bool holds_references(const Map& map) {
  static constexpr std::array kTypes{MapType::prog_array,    MapType::perf_event_array,   MapType::cgroup_array,
                                     MapType::array_of_maps, MapType::hash_of_maps,       MapType::sockmap,
                                     MapType::sockhash,      MapType::reuseport_sockarray};
  return std::find(kTypes.begin(), kTypes.end(), map.spec().type) != kTypes.end();
}

MapView view_of(const Map& map, std::size_t most, bool zeros) {
  MapView view(map);
  const bool skip_zeros = !zeros && is_array(map.spec().type);
  map.for_each([&](std::span<const std::byte> key, std::span<const std::byte> value) {
    if (skip_zeros && all_zero(value)) return true;
    ++view.used;
    MapEntry entry{{key.begin(), key.end()}, {value.begin(), value.end()}};
    // The lowest keys are kept, so that what is shown does not depend on the order of a hash.
    if (view.entries.size() < most) {
      view.entries.push_back(std::move(entry));
      std::push_heap(view.entries.begin(), view.entries.end(), key_less);
    } else if (most > 0 && key_less(entry, view.entries.front())) {
      std::pop_heap(view.entries.begin(), view.entries.end(), key_less);
      view.entries.back() = std::move(entry);
      std::push_heap(view.entries.begin(), view.entries.end(), key_less);
    }
    return true;
  });
  std::sort_heap(view.entries.begin(), view.entries.end(), key_less);
  return view;
}

std::vector<std::span<const std::byte>> per_cpu_values(const Map& map, std::span<const std::byte> value) {
  const std::size_t bytes = map.spec().value_size, stride = (bytes + 7) / 8 * 8;
  std::vector<std::span<const std::byte>> values;
  for (std::size_t at = 0; at + stride <= value.size(); at += stride) values.push_back(value.subspan(at, bytes));
  return values;
}

std::optional<std::vector<std::byte>> sum_of(const btf::Btf& btf, btf::TypeId type,
                                             std::span<const std::span<const std::byte>> values) {
  Leaves leaves{btf, {}, 0};
  if (type == 0 || values.empty() || !leaves.collect(type, 0)) return std::nullopt;
  std::vector<std::byte> sum(values.front().size());
  for (const auto& leaf : leaves.found) {
    if (leaf.offset + leaf.bytes > sum.size()) return std::nullopt;
    const auto to = std::span(sum).subspan(leaf.offset, leaf.bytes);
    for (const auto value : values) add_integer(to, value.subspan(leaf.offset, leaf.bytes));
  }
  return sum;
}

}  // namespace skep::cli
