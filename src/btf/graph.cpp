// Types as words: taken out of parsed graphs, renumbered, and laid out as a file again.
#include "btf/graph.hpp"

#include <array>
#include <cstring>
#include <limits>

namespace skep::btf {
namespace {

constexpr std::uint32_t kFlagBit = 1u << 31;
constexpr std::uint8_t kName = 1 << 0, kReferent = 1 << 2, kArrayTypes = 1 << 3 | 1 << 4;

constexpr std::size_t index_of(Kind kind) { return static_cast<std::size_t>(kind); }
constexpr std::size_t kKinds = index_of(Kind::enum64) + 1;

constexpr std::array<WordPlaces, kKinds> kTypePlaces = [] {
  std::array<WordPlaces, kKinds> places{};
  for (const Kind kind : {Kind::ptr, Kind::typedef_, Kind::volatile_, Kind::const_, Kind::restrict_, Kind::func,
                          Kind::var, Kind::decl_tag, Kind::type_tag})
    places[index_of(kind)] = {.fixed = kReferent};
  places[index_of(Kind::array)] = {.fixed = kArrayTypes};
  places[index_of(Kind::struct_)] = places[index_of(Kind::union_)] = {.first = 4, .step = 3};
  places[index_of(Kind::func_proto)] = {.fixed = kReferent, .first = 4, .step = 2};
  places[index_of(Kind::datasec)] = {.first = 3, .step = 3};
  return places;
}();

constexpr std::array<WordPlaces, kKinds> kNamePlaces = [] {
  std::array<WordPlaces, kKinds> places{};
  for (WordPlaces& each : places) each.fixed = kName;
  for (const Kind kind : {Kind::struct_, Kind::union_, Kind::enum64})
    places[index_of(kind)] = {.fixed = kName, .first = 3, .step = 3};
  for (const Kind kind : {Kind::enum_, Kind::func_proto})
    places[index_of(kind)] = {.fixed = kName, .first = 3, .step = 2};
  return places;
}();

}  // namespace

WordPlaces type_places(Kind kind) noexcept { return kTypePlaces[index_of(kind)]; }
WordPlaces name_places(Kind kind) noexcept { return kNamePlaces[index_of(kind)]; }

void Graph::append_type(const Btf& btf, const Type& type, TypeId shift) {
  const auto moved = [shift](TypeId id) { return id == 0 ? 0 : id + shift; };
  const bool has_linkage_in_vlen = type.kind == Kind::func;
  const std::uint32_t info = static_cast<std::uint32_t>(type.kind) << 24 | (type.kind_flag ? kFlagBit : 0) |
                             (has_linkage_in_vlen ? type.linkage : type.vlen);
  const bool has_referent = (type_places(type.kind).fixed & kReferent) != 0;
  append({names_.add(type.name), info, has_referent ? moved(type.ref) : type.size});
  switch (type.kind) {
    case Kind::int_:
      append({std::uint32_t{type.int_encoding} << 24 | std::uint32_t{type.int_bit_offset} << 16 | type.int_bits});
      break;
    case Kind::array:
      append({moved(type.ref), moved(type.index), type.count});
      break;
    case Kind::struct_:
    case Kind::union_:
      for (const Member& member : btf.members(type))
        append({names_.add(member.name), moved(member.type), member.bit_offset | member.bit_size << 24});
      break;
    case Kind::enum_:
      for (const Enumerator& each : btf.enumerators(type))
        append({names_.add(each.name), static_cast<std::uint32_t>(each.value)});
      break;
    case Kind::enum64:
      for (const Enumerator& each : btf.enumerators(type))
        append({names_.add(each.name), static_cast<std::uint32_t>(each.value),
                static_cast<std::uint32_t>(each.value >> 32)});
      break;
    case Kind::func_proto:
      for (const Parameter& each : btf.parameters(type)) append({names_.add(each.name), moved(each.type)});
      break;
    case Kind::var:
      append({type.linkage});
      break;
    case Kind::datasec:
      for (const SectionVar& each : btf.section_vars(type)) append({moved(each.var), each.offset, each.size});
      break;
    case Kind::decl_tag:
      append({static_cast<std::uint32_t>(type.component)});
      break;
    case Kind::void_:
    case Kind::ptr:
    case Kind::fwd:
    case Kind::typedef_:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::func:
    case Kind::float_:
    case Kind::type_tag:
      break;
  }
  starts_.push_back(static_cast<std::uint32_t>(words_.size()));
}

void Graph::reserve(std::size_t types, std::size_t bytes) {
  starts_.reserve(types + starts_.size());
  words_.reserve(bytes / sizeof(std::uint32_t));
}

TypeId Graph::add_all(const Btf& btf) {
  const TypeId first = size();
  for (TypeId id = 1; id < btf.size() && !full(); ++id) append_type(btf, btf.type(id), first - 1);
  return first;
}

TypeId Graph::add_section(std::string_view name, std::uint32_t bytes, std::span<const SectionVar> vars) {
  append({names_.add(name), static_cast<std::uint32_t>(Kind::datasec) << 24 | static_cast<std::uint32_t>(vars.size()),
          bytes});
  for (const SectionVar& each : vars) append({each.var, each.offset, each.size});
  starts_.push_back(static_cast<std::uint32_t>(words_.size()));
  return size() - 1;
}

std::vector<TypeId> Graph::replace(std::span<const TypeId> to) {
  std::vector<TypeId> dense(size());
  TypeId next = 1;
  for (TypeId id = 1; id < size(); ++id)
    if (to[id] == id) dense[id] = next++;
  for (TypeId id = 1; id < size(); ++id)
    if (to[id] != id && to[id] != kDropped) dense[id] = dense[to[id]];

  std::vector<std::uint32_t> starts{0, 0};
  starts.reserve(next + 1);
  std::uint32_t end = 0;  // words move down only, so that they can move in place
  for (TypeId id = 1; id < size(); ++id) {
    if (to[id] != id) continue;
    const std::uint32_t begin = starts_[id], count = starts_[id + 1] - begin;
    std::memmove(&words_[end], &words_[begin], count * sizeof(std::uint32_t));
    const std::span moved(&words_[end], count);
    visit_words(moved, type_places(static_cast<Kind>(moved[1] >> 24 & 0x1f)),
                [&](std::uint32_t& ref) { ref = dense[ref]; });
    end += count;
    starts.push_back(end);
  }
  words_.resize(end);
  starts_ = std::move(starts);
  return dense;
}

}  // namespace skep::btf
