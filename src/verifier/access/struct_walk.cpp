// The walk, one struct at a time.
#include "verifier/access/struct_walk.hpp"

#include <limits>
#include <optional>

namespace skep::verifier {
namespace {

using btf::Btf;
using btf::Kind;
using btf::Type;
using btf::TypeId;

constexpr std::uint32_t kPointerBytes = 8;

bool is_struct(Kind kind) { return kind == Kind::struct_ || kind == Kind::union_; }

/// Where the walk is: [offset, offset + bytes) of a struct.
struct Place {
  TypeId structure = 0;
  std::uint32_t offset = 0;
  std::uint32_t bytes = 0;
};

/// A member that the place falls into, arrays taken apart.
struct Piece {
  TypeId type = 0;          ///< of the member, of an array's element
  std::uint32_t start = 0;  ///< of that element
  std::uint64_t end = 0;    ///< of the whole member
};

/// One step: an answer, or the struct in which to go on.
struct Stage {
  std::optional<FieldAt> field;
  Place next;
};

class StructWalk {
 public:
  StructWalk(const Btf& types, bool& in_union) : types_(types), in_union_(in_union) {}

  /// Until there is an answer, or a struct begins where the place does: `next` is that struct, at 0.
  Stage run(Place place) {
    for (;;) {
      const TypeId id = types_.strip(place.structure);
      const Type type = types_.type(id);
      if (!is_struct(type.kind)) return found(FieldAt::Kind::missing);
      if (type.kind == Kind::union_ && type.vlen != 1) in_union_ = true;
      Stage stage =
          std::uint64_t{place.offset} + place.bytes > type.size ? behind_end(type, place) : inside(type, place);
      const bool enters = !stage.field && stage.next.offset != 0;
      if (!enters && !goes_on_) return stage;
      goes_on_ = false;
      place = stage.next;
    }
  }

 private:
  Stage found(FieldAt::Kind kind) const {
    FieldAt field;
    field.kind = kind;
    field.in_union = in_union_;
    return {field, {}};
  }

  /// Only an array without a length goes on past the end.
  Stage behind_end(const Type& type, const Place& place) {
    const auto members = types_.members(type);
    if (members.empty()) return found(FieldAt::Kind::beyond);
    const auto last = members.back();
    const Type array = types_.type(types_.strip(last.type));
    const std::uint32_t start = last.bit_offset / 8;
    if (array.kind != Kind::array || array.count != 0 || place.offset < start) return found(FieldAt::Kind::beyond);
    const TypeId element = types_.strip(array.ref);
    const Type of = types_.type(element);
    if (of.kind == Kind::int_) return found(FieldAt::Kind::number);
    if (!is_struct(of.kind) || of.size == 0) return found(FieldAt::Kind::beyond);
    goes_on_ = true;
    return {{}, {element, (place.offset - start) % of.size, place.bytes}};
  }

  Stage inside(const Type& type, const Place& place) {
    const std::uint64_t end = std::uint64_t{place.offset} + place.bytes;
    for (const auto& member : types_.members(type)) {
      const std::uint32_t start = member.bit_offset / 8;
      if (end <= start) break;
      if (member.bit_size != 0) {
        const std::uint64_t last = (std::uint64_t{member.bit_offset} + member.bit_size + 7) / 8;
        if (place.offset <= start && last <= end) return found(FieldAt::Kind::number);
        continue;
      }
      if (place.offset < start) break;
      const auto piece = piece_of(member, start, place.offset);
      if (!piece) return found(FieldAt::Kind::missing);
      if (place.offset >= piece->end) continue;
      return piece_at(*piece, member.name, place);
    }
    return found(FieldAt::Kind::missing);
  }

  /// Nothing for a member without a size.
  std::optional<Piece> piece_of(const btf::Member& member, std::uint32_t start, std::uint32_t offset) const {
    std::uint64_t count = 1;
    TypeId id = types_.strip(member.type);
    for (Type type = types_.type(id); type.kind == Kind::array; type = types_.type(id)) {
      count *= type.count;
      if (count > std::numeric_limits<std::uint32_t>::max()) return {};
      id = types_.strip(type.ref);
    }
    const auto bytes = types_.size_of(id);
    if (!bytes) return {};
    Piece piece{id, start, start + count * *bytes};
    if (*bytes != 0 && offset < piece.end) piece.start += (offset - start) / *bytes * *bytes;
    return piece;
  }

  Stage piece_at(const Piece& piece, std::string_view name, const Place& place) {
    const Type type = types_.type(piece.type);
    const std::uint32_t inner = place.offset - piece.start;
    if (is_struct(type.kind)) return {{}, {piece.type, inner, place.bytes}};
    if (type.kind == Kind::ptr) {
      if (place.bytes != kPointerBytes || inner != 0) return found(FieldAt::Kind::part);
      const TypeId behind = types_.strip(type.ref);
      if (is_struct(types_.kind(behind))) return pointer(type.ref, behind, name);
    }
    // Numbers may be read across an array's elements, but not past the array; inside a union nobody can tell.
    const bool past = std::uint64_t{place.offset} + place.bytes > piece.end;
    return found(past && !in_union_ ? FieldAt::Kind::missing : FieldAt::Kind::number);
  }

  Stage pointer(TypeId pointee, TypeId behind, std::string_view name) const {
    Stage stage = found(FieldAt::Kind::pointer);
    stage.field->type = behind;
    stage.field->name = name;
    const Type tag = types_.type(pointee);
    if (tag.kind == Kind::type_tag) {
      if (tag.name == "user") stage.field->tag = FieldAt::Tag::user;
      if (tag.name == "percpu") stage.field->tag = FieldAt::Tag::percpu;
      if (tag.name == "rcu") stage.field->tag = FieldAt::Tag::rcu;
    }
    return stage;
  }

  const Btf& types_;
  bool& in_union_;
  bool goes_on_ = false;
};

}  // namespace

FieldAt field_at(const Btf& types, TypeId structure, std::uint32_t offset, std::uint32_t bytes) {
  bool in_union = false;
  Place place{structure, offset, bytes};
  for (;;) {
    const Stage stage = StructWalk(types, in_union).run(place);
    if (stage.field) return *stage.field;
    place = stage.next;
  }
}

bool is_or_starts_with(const Btf& types, TypeId structure, std::uint32_t offset, TypeId wanted) {
  if (wanted == 0) return false;
  if (offset == 0 && structure == wanted) return true;
  bool in_union = false;
  Place place{structure, offset, 1};
  for (;;) {
    const Stage stage = StructWalk(types, in_union).run(place);
    if (stage.field) return false;
    if (stage.next.structure == wanted) return true;
    place = stage.next;
  }
}

}  // namespace skep::verifier
