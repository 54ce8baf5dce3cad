// A walk over pairs of types that have to agree, with a list of what is still to compare instead of recursion, so that
// hostile types cost no stack. Pairs met before are not compared again: what is assumed of a cycle holds if nothing in
// it differs.
#include "linker/match.hpp"

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "linker/input.hpp"

namespace skep::linker {
namespace {

using btf::Kind;
using btf::Type;
using btf::TypeId;

std::string quoted(const btf::Btf& btf, TypeId id, std::string_view name = "") {
  return "\"" + btf::format_declaration(btf, id, name) + "\"";
}

bool is_composite(Kind kind) { return kind == Kind::struct_ || kind == Kind::union_; }

/// Kinds of which the name tells one from another.
bool is_named(Kind kind) {
  return is_composite(kind) || kind == Kind::enum_ || kind == Kind::enum64 || kind == Kind::fwd;
}

/// Compares types of two inputs. A result is what differs, nothing when all agrees.
class Walk {
 public:
  Walk(const btf::Btf& a, const btf::Btf& b, std::uint32_t& steps) : a_(a), b_(b), steps_(steps) {}

  std::optional<std::string> compare(TypeId a, TypeId b);
  [[nodiscard]] bool out_of_steps() const { return steps_ >= Matcher::kMaxSteps; }

 private:
  struct Pair {
    TypeId a, b;
    bool exact;  ///< not behind a pointer
  };
  void push(TypeId a, TypeId b, bool exact) {
    ++steps_;
    if (!out_of_steps()) todo_.push_back({a, b, exact});
  }
  std::optional<std::string> step(const Pair& pair);
  std::optional<std::string> compare_inside(const Type& a, const Type& b, const Pair& pair);
  std::optional<std::string> compare_members(const Type& a, const Type& b);
  std::optional<std::string> compare_parameters(const Type& a, const Type& b, bool exact);
  [[nodiscard]] std::string differs(TypeId a, TypeId b) const { return quoted(b_, b) + " against " + quoted(a_, a); }

  const btf::Btf& a_;
  const btf::Btf& b_;
  std::uint32_t& steps_;
  std::vector<Pair> todo_;
  std::unordered_set<std::uint64_t> seen_[2];  ///< by exactness: both ids
};

std::optional<std::string> Walk::compare(TypeId a, TypeId b) {
  push(a, b, true);
  while (!todo_.empty() && !out_of_steps()) {
    const Pair pair = todo_.back();
    todo_.pop_back();
    if (auto difference = step(pair)) return difference;
  }
  return std::nullopt;
}

std::optional<std::string> Walk::step(const Pair& pair) {
  const TypeId ia = a_.strip(pair.a), ib = b_.strip(pair.b);
  if (!seen_[pair.exact ? 1 : 0].insert(std::uint64_t{ia} << 32 | ib).second) return std::nullopt;
  const Type& a = a_.type(ia);
  const Type& b = b_.type(ib);
  const bool names_differ = is_named(a.kind) && is_named(b.kind) && a.name != b.name;
  if (!pair.exact && (a.kind == Kind::fwd) != (b.kind == Kind::fwd)) {
    const Type& forward = a.kind == Kind::fwd ? a : b;
    const Type& whole = a.kind == Kind::fwd ? b : a;
    if (!names_differ && whole.kind == (forward.kind_flag ? Kind::union_ : Kind::struct_)) return std::nullopt;
    return differs(ia, ib);
  }
  if (a.kind != b.kind || names_differ) return differs(ia, ib);
  return compare_inside(a, b, {ia, ib, pair.exact});
}

std::optional<std::string> Walk::compare_inside(const Type& a, const Type& b, const Pair& pair) {
  switch (a.kind) {
    case Kind::void_:
    case Kind::fwd:
      return std::nullopt;
    case Kind::int_:
    case Kind::float_:
    case Kind::enum_:
    case Kind::enum64:
      if (a.size == b.size) return std::nullopt;
      return fmt::format("{} of {} bytes against {} of {}", quoted(b_, pair.b), b.size, quoted(a_, pair.a), a.size);
    case Kind::ptr:
      push(a.ref, b.ref, false);
      return std::nullopt;
    case Kind::array:  // sizes may be known to one side only
      push(a.ref, b.ref, pair.exact);
      return std::nullopt;
    case Kind::struct_:
    case Kind::union_:
      return pair.exact ? compare_members(a, b) : std::nullopt;
    case Kind::func_proto:
      return compare_parameters(a, b, pair.exact);
    case Kind::func:
    case Kind::var:
      push(a.ref, b.ref, pair.exact);
      return std::nullopt;
    case Kind::typedef_:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::type_tag:
    case Kind::datasec:
    case Kind::decl_tag:
      return differs(pair.a, pair.b);
  }
  return std::nullopt;
}

std::optional<std::string> Walk::compare_members(const Type& a, const Type& b) {
  const auto ours = b_.members(b), theirs = a_.members(a);
  if (ours.size() != theirs.size())
    return fmt::format("struct {} has {} members against {}", shown(b.name), ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if (ours[i].name != theirs[i].name || ours[i].bit_offset != theirs[i].bit_offset)
      return fmt::format("struct {} has member {} at bit {} against {} at {}", shown(b.name), shown(ours[i].name),
                         ours[i].bit_offset, shown(theirs[i].name), theirs[i].bit_offset);
    push(theirs[i].type, ours[i].type, true);
  }
  return std::nullopt;
}

std::optional<std::string> Walk::compare_parameters(const Type& a, const Type& b, bool exact) {
  const auto ours = b_.parameters(b), theirs = a_.parameters(a);
  if (ours.size() != theirs.size())
    return fmt::format("function of {} parameters against {}", ours.size(), theirs.size());
  for (std::size_t i = 0; i < ours.size(); ++i) push(theirs[i].type, ours[i].type, exact);
  push(a.ref, b.ref, exact);
  return std::nullopt;
}

// ---- maps

constexpr std::array<std::string_view, 8> kNumbers = {"type",     "max_entries", "map_flags", "numa_node",
                                                      "key_size", "value_size",  "pinning",   "map_extra"};
constexpr std::size_t kKeySize = 4, kValueSize = 5;

/// A map's definition as its struct's members state it; see loader/btf_maps.cpp for the forms.
struct MapFields {
  std::array<std::uint64_t, kNumbers.size()> numbers{};
  TypeId key = 0, value = 0;
  TypeId inner = 0;     ///< the struct that declares the maps inside
  std::string trouble;  ///< why this is no definition; empty when it is one
};

std::optional<std::uint64_t> number_of(const btf::Btf& btf, const btf::Member& member) {
  const Type& type = btf.type(btf.strip(member.type));
  if ((type.kind == Kind::enum_ || type.kind == Kind::enum64) && type.vlen == 1)
    return btf.enumerators(type).front().value;
  const Type& array = btf.type(type.ref);
  if (type.kind != Kind::ptr || array.kind != Kind::array) return std::nullopt;
  return array.count;
}

/// Reads one field; false when it is none.
bool read_field(const btf::Btf& btf, const btf::Member& member, MapFields& fields) {
  for (std::size_t i = 0; i < kNumbers.size(); ++i) {
    if (kNumbers[i] != member.name) continue;
    const auto number = number_of(btf, member);
    fields.numbers[i] = number.value_or(0);
    return number.has_value();
  }
  const Type& type = btf.type(btf.strip(member.type));
  if (member.name == "values") {
    const Type& pointer = btf.type(btf.strip(type.ref));
    const TypeId held = btf.strip(pointer.ref);
    if (type.kind != Kind::array || pointer.kind != Kind::ptr) return false;
    if (is_composite(btf.type(held).kind)) fields.inner = held;
    return true;
  }
  if (type.kind != Kind::ptr || (member.name != "key" && member.name != "value")) return false;
  const bool is_key = member.name == "key";
  (is_key ? fields.key : fields.value) = type.ref;
  const auto bytes = btf.size_of(type.ref);
  fields.numbers[is_key ? kKeySize : kValueSize] = bytes.value_or(0);
  return bytes.has_value();
}

MapFields read_fields(const btf::Btf& btf, TypeId id) {
  MapFields fields;
  const Type& type = btf.type(btf.strip(id));
  constexpr std::uint32_t kMaxFields = 64;
  if (type.kind != Kind::struct_ || type.vlen > kMaxFields) {
    fields.trouble = fmt::format("is declared by a struct of at most {} fields", kMaxFields);
    return fields;
  }
  for (const btf::Member& member : btf.members(type))
    if (!read_field(btf, member, fields))
      fields.trouble = fmt::format("has no field of the form of {}", shown(member.name));
  return fields;
}

std::optional<std::string> compare_maps(const Declaration& a, TypeId ia, const Declaration& b, TypeId ib, Walk& walk,
                                        bool inner = false) {
  const MapFields theirs = read_fields(a.btf, ia), ours = read_fields(b.btf, ib);
  for (const MapFields* fields : {&theirs, &ours})
    if (!fields->trouble.empty()) return "a map " + fields->trouble;
  const char* whose = inner ? "inner " : "";
  for (std::size_t i = 0; i < kNumbers.size(); ++i)
    if (ours.numbers[i] != theirs.numbers[i])
      return fmt::format("{}{} {} against {}", whose, kNumbers[i], ours.numbers[i], theirs.numbers[i]);
  struct Part {
    const char* name;
    TypeId ours, theirs;
  };
  for (const Part& each : {Part{"key", ours.key, theirs.key}, Part{"value", ours.value, theirs.value},
                           Part{"values", ours.inner, theirs.inner}})
    if ((each.ours == 0) != (each.theirs == 0)) return fmt::format("{}{} is declared on one side", whose, each.name);
  for (const Part& each : {Part{"key", ours.key, theirs.key}, Part{"value", ours.value, theirs.value}}) {
    if (each.ours == 0) continue;
    if (const auto difference = walk.compare(each.theirs, each.ours)) {
      return fmt::format("{}{}: {}", whose, each.name, *difference);
    }
  }
  if (ours.inner == 0 || inner) return std::nullopt;
  return compare_maps(a, theirs.inner, b, ours.inner, walk, true);
}

}  // namespace

Result<void> Matcher::match(std::string_view name, bool is_map, const Declaration& old, const Declaration& added) {
  const auto refuse = [&](ErrorCode code, std::string what) {
    return fail(code, fmt::format("{}: symbol {}", added.input, shown(name)), std::move(what));
  };
  const Type& a = old.btf.type(old.id);
  const Type& b = added.btf.type(added.id);
  if (a.kind != b.kind)
    return refuse(ErrorCode::invalid,
                  fmt::format("is a {}, in {} it is not", b.kind == Kind::var ? "variable" : "function", old.input));
  Walk walk(old.btf, added.btf, steps_);
  const auto difference =
      is_map && a.kind == Kind::var ? compare_maps(old, a.ref, added, b.ref, walk) : walk.compare(old.id, added.id);
  if (walk.out_of_steps()) return refuse(ErrorCode::limit, "types are too large to be compared");
  if (!difference) return {};
  return refuse(ErrorCode::invalid, fmt::format("is not what {} declares: {}", old.input, *difference));
}

}  // namespace skep::linker
