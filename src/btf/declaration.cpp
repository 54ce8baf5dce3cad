// Types as C declarations. A C declarator is read from the name outward, so the text grows around the name: pointers to
// its left, array bounds and parameters to its right, and the type at the far end in front of it all.
//
// Pointers and prototypes may form cycles without a name in them, so the walk has a budget of steps, shared by the
// parameters it enters, besides the bound on the text.
#include <fmt/format.h>

#include "btf/btf.hpp"
#include "btf/text.hpp"

namespace skep::btf {
namespace {

constexpr std::size_t kMaxText = 1024;
constexpr unsigned kMaxSteps = 256;
constexpr unsigned kMaxPrototypes = 8;

class Declaration {
 public:
  explicit Declaration(const Btf& btf) : btf_(btf) {}

  /// The declaration of `id` around `inner`, the part built so far; `depth` counts the prototypes around it.
  std::string declare(TypeId id, std::string inner, unsigned depth);

 private:
  static std::string join(std::string base, const std::string& inner) {
    return inner.empty() ? base : std::move(base) + " " + inner;
  }
  [[nodiscard]] std::string base(const Type& type) const;
  [[nodiscard]] bool binds_tighter(TypeId id) const;
  std::string parameters(const Type& proto, unsigned depth);

  const Btf& btf_;
  unsigned steps_ = 0;
};

/// The words for a type that ends a declarator.
std::string Declaration::base(const Type& type) const {
  const auto tagged = [&](const char* tag) {
    return type.name.empty() ? fmt::format("{} {{{}}}", tag, kEllipsis)
                             : fmt::format("{} {}", tag, printable(type.name));
  };
  switch (type.kind) {
    case Kind::void_:
      return "void";
    case Kind::struct_:
      return tagged("struct");
    case Kind::union_:
      return tagged("union");
    case Kind::enum_:
    case Kind::enum64:
      return tagged("enum");
    case Kind::fwd:
      return tagged(type.kind_flag ? "union" : "struct");
    case Kind::datasec:
      return tagged("section");
    case Kind::decl_tag:
      return tagged("decl_tag");
    case Kind::int_:
    case Kind::float_:
    case Kind::typedef_:
    case Kind::ptr:
    case Kind::array:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::func:
    case Kind::func_proto:
    case Kind::var:
    case Kind::type_tag:
      return type.name.empty() ? "?" : printable(type.name);
  }
  return "?";
}

/// True for what would grab a name before the "*" to its left does, so that a pointer to it needs parentheses.
bool Declaration::binds_tighter(TypeId id) const {
  for (;;) {
    const Type& type = btf_.type(id);
    const bool transparent = type.kind == Kind::const_ || type.kind == Kind::volatile_ ||
                             type.kind == Kind::restrict_ || type.kind == Kind::type_tag;
    if (!transparent) return type.kind == Kind::array || type.kind == Kind::func_proto;
    id = type.ref;
  }
}

std::string Declaration::parameters(const Type& proto, unsigned depth) {
  const auto all = btf_.parameters(proto);
  if (all.empty()) return "(void)";
  if (depth >= kMaxPrototypes) return fmt::format("({})", kEllipsis);
  std::string text = "(";
  for (const Parameter& parameter : all) {
    if (text.size() > 1) text += ", ";
    if (text.size() > kMaxText) {
      text += kEllipsis;
      break;
    }
    const bool variadic = parameter.type == 0 && parameter.name.empty();
    text += variadic ? "..." : declare(parameter.type, printable(parameter.name), depth + 1);
  }
  return text + ")";
}

std::string Declaration::declare(TypeId id, std::string inner, unsigned depth) {
  std::string qualifiers;
  for (;;) {
    if (++steps_ > kMaxSteps || inner.size() > kMaxText) return join(std::string(kEllipsis), inner);
    const Type& type = btf_.type(id);
    id = type.ref;
    switch (type.kind) {
      case Kind::const_:
        qualifiers += "const ";
        break;
      case Kind::volatile_:
        qualifiers += "volatile ";
        break;
      case Kind::restrict_:
        qualifiers += "restrict ";
        break;
      case Kind::type_tag:
        break;
      case Kind::ptr:
        if (inner.empty() && !qualifiers.empty()) qualifiers.pop_back();
        inner = "*" + qualifiers + inner;
        qualifiers.clear();
        if (binds_tighter(id)) inner = "(" + inner + ")";
        break;
      case Kind::array:
        inner += fmt::format("[{}]", type.count);
        break;
      case Kind::func_proto:
        inner += parameters(type, depth);
        break;
      case Kind::func:
      case Kind::var:
        if (inner.empty()) inner = printable(type.name);
        break;
      case Kind::void_:
      case Kind::int_:
      case Kind::float_:
      case Kind::struct_:
      case Kind::union_:
      case Kind::enum_:
      case Kind::enum64:
      case Kind::fwd:
      case Kind::typedef_:
      case Kind::datasec:
      case Kind::decl_tag:
        return join(qualifiers + base(type), inner);
    }
  }
}

}  // namespace

std::string format_declaration(const Btf& btf, TypeId id, std::string_view name) {
  std::string text = Declaration(btf).declare(id, printable(name.substr(0, kMaxText)), 0);
  cut(text, kMaxText);
  return text;
}

}  // namespace skep::btf
