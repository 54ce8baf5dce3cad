// Reads paths, and walks the target's members for the same names.
#include "btf/core_path.hpp"

#include <charconv>
#include <limits>
#include <optional>

#include <fmt/format.h>

namespace skep::btf {
namespace {

constexpr std::uint64_t kMaxBitOffset = std::numeric_limits<std::uint32_t>::max();

tl::unexpected<Error> malformed(std::string what) { return fail(ErrorCode::malformed, "", std::move(what)); }

bool asks_enumerator(CoreKind kind) { return kind == CoreKind::enumval_exists || kind == CoreKind::enumval_value; }
bool asks_type(CoreKind kind) {
  return kind == CoreKind::type_id_local || kind == CoreKind::type_id_target || kind == CoreKind::type_exists ||
         kind == CoreKind::type_size || kind == CoreKind::type_matches;
}

/// "0:1:2" as numbers.
Result<std::vector<std::uint32_t>> parse_numbers(std::string_view text) {
  std::vector<std::uint32_t> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    std::int32_t number = -1;
    const auto [after, error] = std::from_chars(at, end, number);
    if (error != std::errc{} || number < 0) return malformed(fmt::format("path \"{}\" is none", text.substr(0, 64)));
    if (numbers.size() == kMaxPathSteps)
      return fail(ErrorCode::limit, "", fmt::format("path of more than {} steps", kMaxPathSteps));
    numbers.push_back(static_cast<std::uint32_t>(number));
    if (after == end) return numbers;
    if (*after != ':') return malformed(fmt::format("path \"{}\" is none", text.substr(0, 64)));
    at = after + 1;
  }
}

/// Adds `bits` to an offset; false past 512 MiB, where Linux' counter ends.
bool advance(std::uint32_t& bit_offset, std::uint64_t bits) {
  if (bits > kMaxBitOffset - bit_offset) return false;
  bit_offset += static_cast<std::uint32_t>(bits);
  return true;
}

/// Adds `index` elements of a type.
bool advance_elements(const Btf& btf, std::uint32_t& bit_offset, TypeId element, std::uint32_t index) {
  const auto bytes = btf.size_of(element);
  return bytes && *bytes * std::uint64_t{index} <= kMaxBitOffset / 8 &&
         advance(bit_offset, *bytes * std::uint64_t{index} * 8);
}

/// An array of no declared length at the end of a struct: any index may be asked of it. `last` is the step before.
bool is_flexible(const Btf& btf, const CoreStep& last, const Type& array) {
  return array.count == 0 && !last.name.empty() && last.index + 1 == btf.type(last.type).vlen;
}

/// Takes one number of a path further, from the type `id`.
Result<void> step(const Btf& btf, CorePath& path, TypeId& id, std::uint32_t index) {
  const Type& type = btf.type(id);
  if (is_composite(type.kind)) {
    const auto members = btf.members(type);
    if (index >= members.size())
      return malformed(fmt::format("path asks for member {} of type {}, which has {}", index, id, members.size()));
    const Member& member = members[index];
    if (!advance(path.bit_offset, member.bit_offset)) return malformed("path leads past 512 MiB");
    if (!member.name.empty()) path.steps.push_back({id, index, member.name});
    id = btf.strip(member.type);
    return {};
  }
  if (type.kind != Kind::array)
    return malformed(fmt::format("path leads into type {}, which is no struct, union or array", id));
  if (index >= type.count && !is_flexible(btf, path.steps.back(), type))
    return malformed(fmt::format("path asks for element {} of type {}, which has {}", index, id, type.count));
  id = btf.strip(type.ref);
  path.steps.push_back({id, index, {}});
  if (!advance_elements(btf, path.bit_offset, id, index))
    return malformed(fmt::format("path leads to element {} of type {}, which has no place", index, id));
  return {};
}

/// Finds the member that `wanted` names in the target type `id`; `passed` counts the members on the way.
struct MemberSearch {
  const CoreComparison& compare;
  const CoreStep& wanted;
  CorePath& found;
  std::size_t& passed;

  /// On success `id` becomes the type of the member.
  [[nodiscard]] Match run(TypeId& id) {
    const Btf& target = compare.target();
    const TypeId whole = target.strip(id);
    const auto members = target.members(target.type(whole));
    for (std::uint32_t i = 0; i < members.size(); ++i) {
      const Member& member = members[i];
      if (!compare.work().spend_on(member.name, wanted.name)) return Match::too_much_work;
      if (passed == kMaxPathSteps) return Match::too_deep;
      if (!member.name.empty() && member.name != wanted.name) continue;
      const std::uint32_t offset = found.bit_offset;
      if (!advance(found.bit_offset, member.bit_offset)) return Match::no_size;
      ++passed;
      TypeId inner = member.type;
      const Match match = member.name.empty() ? run(inner) : compare.fields(wanted_type(), member.type);
      if (match != Match::no) {
        if (match == Match::yes && !member.name.empty()) found.steps.push_back({whole, i, member.name});
        id = inner;
        return match;
      }
      if (!member.name.empty()) return Match::no;  // the field is here, but it has become another thing
      found.bit_offset = offset;
      --passed;
    }
    return Match::no;
  }

 private:
  [[nodiscard]] TypeId wanted_type() const {
    const Btf& local = compare.local();
    return local.members(local.type(wanted.type))[wanted.index].type;
  }
};

Match find_field(const CoreComparison& compare, const CorePath& local, TypeId id, CorePath& found) {
  const Btf& target = compare.target();
  std::size_t passed = 0;
  for (std::size_t i = 0; i < local.steps.size(); ++i) {
    const CoreStep& wanted = local.steps[i];
    id = target.strip(id);
    if (!wanted.name.empty()) {
      if (const Match match = MemberSearch{compare, wanted, found, passed}.run(id); match != Match::yes) return match;
      continue;
    }
    if (i > 0) {  // the first number counts whole roots
      const Type& array = target.type(id);
      if (array.kind != Kind::array) return Match::no;
      if (wanted.index >= array.count && !is_flexible(target, found.steps.back(), array)) return Match::no;
      id = target.strip(array.ref);
    }
    if (passed++ == kMaxPathSteps) return Match::too_deep;
    found.steps.push_back({id, wanted.index, {}});
    if (!advance_elements(target, found.bit_offset, id, wanted.index)) return Match::no_size;
  }
  return Match::yes;
}

Match find_enumerator(const CoreComparison& compare, const CorePath& local, TypeId id, CorePath& found) {
  const Btf& target = compare.target();
  id = target.strip(id);
  const auto values = target.enumerators(target.type(id));
  const std::string_view wanted = essential_name(local.steps[0].name);
  for (std::uint32_t i = 0; i < values.size(); ++i) {
    if (!compare.work().spend_on(values[i].name, wanted)) return Match::too_much_work;
    if (!values[i].name.starts_with(wanted) || essential_name(values[i].name) != wanted) continue;
    found.steps.push_back({id, i, values[i].name});
    return Match::yes;
  }
  return Match::no;
}

}  // namespace

Result<CorePath> parse_path(const Btf& local, const CoreReloc& reloc) {
  if (reloc.kind >= kCoreKinds)
    return fail(ErrorCode::unsupported, "", fmt::format("relocation of unknown kind {}", reloc.kind));
  const auto kind = static_cast<CoreKind>(reloc.kind);
  CorePath path{.root = reloc.type, .steps = {}};
  if (asks_type(kind)) {
    if (reloc.access == "0") return path;
    return malformed(fmt::format("path \"{}\", a question about a type has \"0\"", reloc.access.substr(0, 64)));
  }
  const auto numbers = parse_numbers(reloc.access);
  if (!numbers) return fail(numbers.error());
  TypeId id = local.strip(reloc.type);
  const std::uint32_t first = numbers->front();
  if (asks_enumerator(kind)) {
    const auto values = local.enumerators(local.type(id));
    if (numbers->size() > 1 || first >= values.size())
      return malformed(fmt::format("path \"{}\" leads to no value of type {}", reloc.access.substr(0, 64), id));
    path.steps.push_back({id, first, values[first].name});
    return path;
  }
  path.steps.push_back({id, first, {}});
  if (!advance_elements(local, path.bit_offset, id, first))
    return malformed(fmt::format("element {} of type {} has no place", first, id));
  for (const std::uint32_t number : std::span(*numbers).subspan(1))
    if (auto done = step(local, path, id, number); !done) return fail(std::move(done).error());
  return path;
}

Match find_path(const CoreComparison& compare, CoreKind kind, const CorePath& local, TypeId root, CorePath& found) {
  found = {.root = root, .steps = {}};
  if (kind == CoreKind::type_matches) return compare.matching(local.root, root);
  if (asks_type(kind)) return compare.compatible(local.root, root);
  if (asks_enumerator(kind)) return find_enumerator(compare, local, root, found);
  return find_field(compare, local, root, found);
}

}  // namespace skep::btf
