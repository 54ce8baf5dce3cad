// The order of declarations: depth first along what each needs, on a stack of our own, because types refer to types
// through pointers to any depth.
//
// A type is needed in one of two ways: declared (behind a pointer, in a prototype, as the target of a typedef) or
// complete (held by value, or the element of an array). Anonymous types are written out where they are used, so what
// they hold is needed complete whichever way they are. `owner` is the declaration being prepared, which needs no
// declaration of itself; what was needed once for it is not visited for it again.
#include "btf/c_dump.hpp"

#include <array>

#include <fmt/format.h>

#include "btf/c_print.hpp"

namespace skep::btf {
namespace {

// The names are those that libbpf's headers look for.
constexpr std::string_view kPrologue = R"(#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#if defined(__clang__) && !defined(BPF_NO_PRESERVE_ACCESS_INDEX)
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif

)";
constexpr std::string_view kEpilogue = R"(#if defined(__clang__) && !defined(BPF_NO_PRESERVE_ACCESS_INDEX)
#pragma clang attribute pop
#endif

#endif
)";

bool is_composite(Kind kind) { return kind == Kind::struct_ || kind == Kind::union_; }
bool is_enum(Kind kind) { return kind == Kind::enum_ || kind == Kind::enum64; }

class Order {
 public:
  explicit Order(const Btf& btf, CLanguage language = CLanguage::c)
      : btf_(btf), printer_(btf, language), known_(btf.size()) {}

  Result<std::string> all();
  Result<CppVariables> only(std::span<const CppVariable> variables);

 private:
  enum class Progress : std::uint8_t { none, busy, done };
  struct Known {
    std::array<TypeId, 2> visited_for{};  ///< last owner that needed it declared, complete
    Progress progress = Progress::none;   ///< of its definition
    bool declared = false;                ///< of a struct or union: forward, at least
    bool referred = false;                ///< some type refers to it
  };
  struct Visit {
    TypeId id, owner;
    bool complete;
    bool defines = false;    ///< `id` is being defined, and is the owner of what it needs
    std::uint32_t next = 0;  ///< which of what it needs comes next
  };

  [[nodiscard]] bool is_root(TypeId id) const;
  void mark_referred();
  void need(TypeId id, TypeId owner);
  CppVariables::Declaration declare(const CppVariable& variable);
  void enter(TypeId id, bool complete, TypeId owner);
  void enter_composite(TypeId id, bool complete, TypeId owner);
  void enter_typedef(TypeId id, bool complete, TypeId owner);
  bool complete_typedef(TypeId id, TypeId owner, std::uint32_t next);
  void begin(TypeId id);
  bool advance();
  void finish(TypeId id);

  const Btf& btf_;
  CPrinter printer_;
  std::vector<Known> known_;
  std::vector<Visit> stack_;
};

/// An anonymous enum that nothing refers to is there for its values.
bool Order::is_root(TypeId id) const {
  const Type& type = btf_.type(id);
  if (is_enum(type.kind) && !known_[id].referred && !btf_.enumerators(type).empty()) return true;
  return !type.name.empty() &&
         (is_composite(type.kind) || is_enum(type.kind) || type.kind == Kind::fwd || type.kind == Kind::typedef_);
}

void Order::mark_referred() {
  for (TypeId id = 1; id < btf_.size(); ++id) {
    const Type& type = btf_.type(id);
    known_[type.ref].referred = known_[type.index].referred = true;
    for (const Member& each : btf_.members(type)) known_[each.type].referred = true;
    for (const Parameter& each : btf_.parameters(type)) known_[each.type].referred = true;
    for (const SectionVar& each : btf_.section_vars(type)) known_[each.var].referred = true;
  }
}

Result<std::string> Order::all() {
  mark_referred();
  printer_.text(kPrologue);
  for (TypeId id = btf_.base() != nullptr ? btf_.base()->size() : 1; id < btf_.size(); ++id)
    if (is_root(id)) need(id, 0);
  printer_.text(kEpilogue);
  if (printer_.error()) return fail(*printer_.error());
  return printer_.take();
}

/// A variable's type is needed whole. What is anonymous in it is written out there, so the variable is its owner, for
/// which an id stands that no type has.
Result<CppVariables> Order::only(std::span<const CppVariable> variables) {
  CppVariables out;
  TypeId owner = btf_.size();
  for (const CppVariable& variable : variables) need(variable.type, owner++);
  out.types = printer_.take();
  for (const CppVariable& variable : variables) out.declarations.push_back(declare(variable));
  if (printer_.error()) return fail(*printer_.error());
  return out;
}

/// Arrays of the variable itself are peeled off, so that qualifiers of their elements can be left out like its own.
CppVariables::Declaration Order::declare(const CppVariable& variable) {
  CppVariables::Declaration out;
  out.name = printer_.identifier(variable.name);
  std::string declarator = out.name;
  TypeId id = variable.type;
  for (;; id = btf_.type(id).ref) {
    const Type& type = btf_.type(id);
    if (type.kind == Kind::array) declarator += fmt::format("[{}]", type.count);
    if (type.kind != Kind::array && type.kind != Kind::const_ && type.kind != Kind::volatile_) break;
  }
  out.align = printer_.align_of(variable.type);
  printer_.declare_variable(id, declarator);
  out.text = printer_.take();
  return out;
}

void Order::need(TypeId id, TypeId owner) {
  enter(id, true, owner);
  while (!stack_.empty() && printer_.step(stack_.back().id))
    if (!advance()) {
      const Visit done = stack_.back();
      stack_.pop_back();
      if (done.defines) finish(done.id);
    }
  stack_.clear();
}

void Order::enter(TypeId id, bool complete, TypeId owner) {
  Known& known = known_[id];
  const Type& type = btf_.type(id);
  if (is_composite(type.kind) && !type.name.empty()) return enter_composite(id, complete, owner);
  if (type.kind == Kind::typedef_ && !type.name.empty()) return enter_typedef(id, complete, owner);
  if (type.kind == Kind::fwd || (is_enum(type.kind) && (!type.name.empty() || owner == 0))) {
    if (known.progress == Progress::done) return;
    known.progress = Progress::done;
    return type.kind == Kind::fwd ? printer_.declare(id) : printer_.define(id);
  }
  if (known.visited_for[complete] == owner) return;
  known.visited_for[complete] = owner;
  stack_.push_back({id, owner, complete});
}

void Order::enter_composite(TypeId id, bool complete, TypeId owner) {
  Known& known = known_[id];
  if (known.progress == Progress::done) return;
  if (complete && known.progress == Progress::none) return begin(id);
  if (owner == id || known.declared) return;
  known.declared = true;
  printer_.declare(id);
}

void Order::enter_typedef(TypeId id, bool complete, TypeId owner) {
  if (complete)
    stack_.push_back({id, owner, complete});
  else if (known_[id].progress == Progress::none)
    begin(id);
}

/// A typedef that is needed complete is first declared, then completed, unless what it stands for is written out in it.
bool Order::complete_typedef(TypeId id, TypeId owner, std::uint32_t next) {
  if (next == 0) {
    enter_typedef(id, false, owner);
    return true;
  }
  TypeId whole = btf_.strip(id);
  while (btf_.type(whole).kind == Kind::array) whole = btf_.strip(btf_.type(whole).ref);
  const Type& type = btf_.type(whole);
  if (next > 1 || !is_composite(type.kind) || type.name.empty()) return false;
  enter_composite(whole, true, owner);
  return true;
}

void Order::begin(TypeId id) {
  known_[id].progress = Progress::busy;
  stack_.push_back({id, id, false, true});
}

/// Enters what the top of the stack needs next; false when that was all.
bool Order::advance() {
  Visit& top = stack_.back();
  const std::uint32_t next = top.next++;
  const TypeId owner = top.owner;
  const Type& type = btf_.type(top.id);
  switch (type.kind) {
    case Kind::struct_:
    case Kind::union_: {
      const auto members = btf_.members(type);
      if (next >= members.size()) return false;
      enter(members[next].type, true, owner);
      return true;
    }
    case Kind::func_proto: {
      const auto parameters = btf_.parameters(type);
      if (next > parameters.size()) return false;
      enter(next == 0 ? type.ref : parameters[next - 1].type, false, owner);
      return true;
    }
    case Kind::array:
      if (next != 0) return false;
      enter(type.ref, true, owner);
      return true;
    case Kind::typedef_:
      if (top.complete) return complete_typedef(top.id, owner, next);
      [[fallthrough]];
    case Kind::ptr:
      if (next != 0) return false;
      enter(type.ref, false, owner);
      return true;
    case Kind::const_:
    case Kind::volatile_:
    case Kind::restrict_:
    case Kind::type_tag:
      if (next != 0) return false;
      enter(type.ref, top.complete, owner);
      return true;
    case Kind::void_:
    case Kind::int_:
    case Kind::float_:
    case Kind::enum_:
    case Kind::enum64:
    case Kind::fwd:
    case Kind::func:
    case Kind::var:
    case Kind::datasec:
    case Kind::decl_tag:
      return false;
  }
  return false;
}

void Order::finish(TypeId id) {
  if (btf_.type(id).kind == Kind::typedef_)
    printer_.define_typedef(id);
  else
    printer_.define(id);
  known_[id].progress = Progress::done;
}

}  // namespace

Result<std::string> format_c(const Btf& btf) { return Order(btf).all(); }

Result<CppVariables> format_cpp(const Btf& btf, std::span<const CppVariable> variables) {
  return Order(btf, CLanguage::cpp).only(variables);
}

}  // namespace skep::btf
