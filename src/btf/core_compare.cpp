// The rules, kind by kind. Every loop pays for its rounds, so that none can be long without having been paid for.
#include "btf/core_compare.hpp"

namespace skep::btf {
namespace {

constexpr std::string_view kFlavourMark = "___";

Match yes_if(bool condition) noexcept { return condition ? Match::yes : Match::no; }

bool is_signed(const Type& integer) noexcept { return (integer.int_encoding & 1) != 0; }

/// A forward declaration says struct or union by its flag.
bool declares(const Type& forward, Kind composite) noexcept {
  return composite == (forward.kind_flag ? Kind::union_ : Kind::struct_);
}

bool is_alias(Kind kind) noexcept {
  return kind == Kind::typedef_ || kind == Kind::volatile_ || kind == Kind::const_ || kind == Kind::restrict_ ||
         kind == Kind::type_tag;
}

/// The type behind aliases, each of which is paid for; false when there is nothing left to pay with.
bool strip(const Btf& btf, TypeId& id, CoreWork& work) {
  for (; is_alias(btf.kind(id)); id = btf.type(id).ref)
    if (!work.spend(1)) return false;
  return true;
}

}  // namespace

// The mark is three underscores, no more, between two other characters; the last one in the name counts.
std::string_view essential_name(std::string_view name) noexcept {
  for (std::size_t at = name.rfind(kFlavourMark); at != std::string_view::npos && at > 0;
       at = name.rfind(kFlavourMark, at - 1)) {
    const std::size_t end = at + kFlavourMark.size();
    if (end < name.size() && name[at - 1] != '_' && name[end] != '_') return name.substr(0, at);
  }
  return name;
}

bool is_composite(Kind kind) noexcept { return kind == Kind::struct_ || kind == Kind::union_; }
bool is_enum(Kind kind) noexcept { return kind == Kind::enum_ || kind == Kind::enum64; }
bool same_kind(Kind a, Kind b) noexcept { return a == b || (is_enum(a) && is_enum(b)); }

Match CoreComparison::same_names(std::string_view local, std::string_view target) const {
  if (!work_.spend_on(local, target)) return Match::too_much_work;
  return yes_if(essential_name(local) == essential_name(target));
}

Match CoreComparison::fields(TypeId local_id, TypeId target_id) const {
  for (;;) {
    if (!work_.spend(1) || !strip(local_, local_id, work_) || !strip(target_, target_id, work_))
      return Match::too_much_work;
    const Type& local = local_.type(local_id);
    const Type& target = target_.type(target_id);
    if (is_composite(local.kind) && is_composite(target.kind)) return Match::yes;
    if (!same_kind(local.kind, target.kind)) return Match::no;
    switch (local.kind) {
      case Kind::ptr:
      case Kind::float_:
        return Match::yes;
      case Kind::fwd:
      case Kind::enum_:
      case Kind::enum64:
        return local.name.empty() || target.name.empty() ? Match::yes : same_names(local.name, target.name);
      case Kind::int_:
        return yes_if(local.int_bit_offset == 0 && target.int_bit_offset == 0);
      case Kind::array:
        local_id = local.ref;
        target_id = target.ref;
        break;
      case Kind::void_:
      case Kind::struct_:
      case Kind::union_:
      case Kind::typedef_:
      case Kind::volatile_:
      case Kind::const_:
      case Kind::restrict_:
      case Kind::func:
      case Kind::func_proto:
      case Kind::var:
      case Kind::datasec:
      case Kind::decl_tag:
      case Kind::type_tag:
        return Match::no;
    }
  }
}

Match CoreComparison::compatible(TypeId local_id, TypeId target_id, int levels) const {
  if (!same_kind(local_.type(local_id).kind, target_.type(target_id).kind)) return Match::no;
  for (int depth = 0; depth < kMaxCompareDepth; ++depth) {
    if (!work_.spend(1) || !strip(local_, local_id, work_) || !strip(target_, target_id, work_))
      return Match::too_much_work;
    const Type& local = local_.type(local_id);
    const Type& target = target_.type(target_id);
    if (!same_kind(local.kind, target.kind)) return Match::no;
    switch (local.kind) {
      case Kind::void_:
      case Kind::struct_:
      case Kind::union_:
      case Kind::enum_:
      case Kind::enum64:
      case Kind::fwd:
        return Match::yes;
      case Kind::int_:
        return yes_if(local.int_bit_offset == 0 && target.int_bit_offset == 0);
      case Kind::ptr:
      case Kind::array:
        break;
      case Kind::func_proto: {
        const auto ours = local_.parameters(local), theirs = target_.parameters(target);
        if (ours.size() != theirs.size()) return Match::no;
        if (!ours.empty() && levels <= 0) return Match::too_deep;
        for (std::size_t i = 0; i < ours.size(); ++i) {
          TypeId mine = ours[i].type, other = theirs[i].type;
          if (!strip(local_, mine, work_) || !strip(target_, other, work_)) return Match::too_much_work;
          const Match match = compatible(mine, other, levels - 1);
          if (match != Match::yes) return match;
        }
        break;
      }
      case Kind::typedef_:
      case Kind::volatile_:
      case Kind::const_:
      case Kind::restrict_:
      case Kind::func:
      case Kind::var:
      case Kind::datasec:
      case Kind::float_:
      case Kind::decl_tag:
      case Kind::type_tag:
        return Match::no;
    }
    local_id = local.ref;  // what a pointer points to, an array holds, a prototype returns
    target_id = target.ref;
  }
  return Match::too_deep;
}

Match CoreComparison::matching(TypeId local_id, TypeId target_id, bool behind_pointer, int levels) const {
  if (levels <= 0) return Match::too_deep;
  for (int depth = 0; depth < kMaxCompareDepth; ++depth) {
    if (!strip(local_, local_id, work_) || !strip(target_, target_id, work_)) return Match::too_much_work;
    const Type& local = local_.type(local_id);
    const Type& target = target_.type(target_id);
    if (const Match names = same_names(local.name, target.name); names != Match::yes) return names;
    const bool one_kind = local.kind == target.kind;
    switch (local.kind) {
      case Kind::void_:
        return yes_if(one_kind);
      case Kind::fwd:
        if (one_kind) return yes_if(local.kind_flag == target.kind_flag);
        return yes_if(behind_pointer && declares(local, target.kind));
      case Kind::enum_:
      case Kind::enum64:
        return is_enum(target.kind) ? matching_enums(local, target) : Match::no;
      case Kind::struct_:
      case Kind::union_:
        if (!behind_pointer) return one_kind ? matching_members(local, target, levels) : Match::no;
        return yes_if(one_kind || (target.kind == Kind::fwd && declares(target, local.kind)));
      case Kind::int_:
        return yes_if(one_kind && local.size == target.size && is_signed(local) == is_signed(target));
      case Kind::ptr:
        if (!one_kind) return Match::no;
        behind_pointer = true;
        break;
      case Kind::array:
        if (!one_kind || local.count != target.count) return Match::no;
        break;
      case Kind::func_proto: {
        if (!one_kind) return Match::no;
        const Match parameters = matching_parameters(local, target, behind_pointer, levels);
        if (parameters != Match::yes) return parameters;
        break;
      }
      case Kind::typedef_:
      case Kind::volatile_:
      case Kind::const_:
      case Kind::restrict_:
      case Kind::func:
      case Kind::var:
      case Kind::datasec:
      case Kind::float_:
      case Kind::decl_tag:
      case Kind::type_tag:
        return Match::no;
    }
    local_id = local.ref;
    target_id = target.ref;
  }
  return Match::too_deep;
}

Match CoreComparison::matching_enums(const Type& local, const Type& target) const {
  const auto ours = local_.enumerators(local), theirs = target_.enumerators(target);
  if (local.size != target.size || ours.size() > theirs.size()) return Match::no;
  for (const Enumerator& wanted : ours) {
    Match match = Match::no;
    for (auto other = theirs.begin(); match == Match::no && other != theirs.end(); ++other)
      match = same_names(wanted.name, other->name);
    if (match != Match::yes) return match;
  }
  return Match::yes;
}

Match CoreComparison::matching_members(const Type& local, const Type& target, int levels) const {
  const auto ours = local_.members(local), theirs = target_.members(target);
  if (ours.size() > theirs.size()) return Match::no;
  for (const Member& wanted : ours) {
    Match match = Match::no;
    for (auto other = theirs.begin(); match == Match::no && other != theirs.end(); ++other) {
      match = same_names(wanted.name, other->name);
      if (match == Match::yes) match = matching(wanted.type, other->type, false, levels - 1);
    }
    if (match != Match::yes) return match;
  }
  return Match::yes;
}

Match CoreComparison::matching_parameters(const Type& local, const Type& target, bool behind_pointer,
                                          int levels) const {
  const auto ours = local_.parameters(local), theirs = target_.parameters(target);
  if (ours.size() != theirs.size()) return Match::no;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const Match match = matching(ours[i].type, theirs[i].type, behind_pointer, levels - 1);
    if (match != Match::yes) return match;
  }
  return Match::yes;
}

}  // namespace skep::btf
