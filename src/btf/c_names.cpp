// Definitions get the plain names before forward declarations do, typedefs before enumerators, which get theirs last,
// when they are printed.
#include "btf/c_names.hpp"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "btf/c_dump.hpp"

namespace skep::btf {
namespace {

// Sorted. Words of C17; "true", "false" and "bool" are ordinary names of kernels there.
constexpr std::array<std::string_view, 46> kKeywords = {
    "_Alignas",  "_Alignof",       "_Atomic",       "_Bool",    "_Complex", "_Generic", "_Imaginary",
    "_Noreturn", "_Static_assert", "_Thread_local", "asm",      "auto",     "break",    "case",
    "char",      "const",          "continue",      "default",  "do",       "double",   "else",
    "enum",      "extern",         "float",         "for",      "goto",     "if",       "inline",
    "int",       "long",           "register",      "restrict", "return",   "short",    "signed",
    "sizeof",    "static",         "struct",        "switch",   "typedef",  "typeof",   "union",
    "unsigned",  "void",           "volatile",      "while"};
// Sorted. What C++20 adds.
constexpr std::array<std::string_view, 62> kCppKeywords = {"alignas",     "alignof",
                                                           "and",         "and_eq",
                                                           "bitand",      "bitor",
                                                           "bool",        "catch",
                                                           "char16_t",    "char32_t",
                                                           "char8_t",     "class",
                                                           "co_await",    "co_return",
                                                           "co_yield",    "compl",
                                                           "concept",     "const_cast",
                                                           "consteval",   "constexpr",
                                                           "constinit",   "decltype",
                                                           "delete",      "dynamic_cast",
                                                           "explicit",    "export",
                                                           "false",       "final",
                                                           "friend",      "import",
                                                           "module",      "mutable",
                                                           "namespace",   "new",
                                                           "noexcept",    "not",
                                                           "not_eq",      "nullptr",
                                                           "operator",    "or",
                                                           "or_eq",       "override",
                                                           "private",     "protected",
                                                           "public",      "reinterpret_cast",
                                                           "requires",    "static_assert",
                                                           "static_cast", "template",
                                                           "this",        "thread_local",
                                                           "throw",       "true",
                                                           "try",         "typeid",
                                                           "typename",    "using",
                                                           "virtual",     "wchar_t",
                                                           "xor",         "xor_eq"};
static_assert(std::is_sorted(kKeywords.begin(), kKeywords.end()));
static_assert(std::is_sorted(kCppKeywords.begin(), kCppKeywords.end()));

bool is_in(std::span<const std::string_view> sorted, std::string_view word) {
  return std::binary_search(sorted.begin(), sorted.end(), word);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::string numbered(std::string name, std::uint32_t number) {
  return number < 2 ? std::move(name) : fmt::format("{}___{}", name, number);
}

bool is_tag(Kind kind) {
  return kind == Kind::struct_ || kind == Kind::union_ || kind == Kind::enum_ || kind == Kind::enum64 ||
         kind == Kind::fwd;
}

}  // namespace

std::string c_identifier(std::string_view name, CLanguage language) {
  std::string out(name);
  for (char& c : out)
    if (!is_letter(c) && !is_digit(c)) c = '_';
  if (out.empty() || is_digit(out.front())) out.insert(out.begin(), '_');
  if (is_in(kKeywords, out) || (language == CLanguage::cpp && is_in(kCppKeywords, out))) out += '_';
  return out;
}

CNames::CNames(const Btf& btf, CLanguage language) : btf_(btf), language_(language), numbers_(btf.size()) {
  const auto know = [this](Space& space, std::string_view name) {
    bytes_ += name.size();
    space.try_emplace(identifier(name), 0);
  };
  for (TypeId id = 1; id < btf.size() && !longer_than(kMaxCText); ++id) {
    const Type& type = btf.type(id);
    if (is_tag(type.kind) && !type.name.empty()) know(tags(), type.name);
    if (type.kind == Kind::typedef_ && !type.name.empty()) know(ordinary_, type.name);
    for (const Enumerator& each : btf.enumerators(type)) know(ordinary_, each.name);
  }
  if (longer_than(kMaxCText)) return;
  for (const bool forward : {false, true})
    for (TypeId id = 1; id < btf.size(); ++id) {
      const Type& type = btf.type(id);
      if (type.name.empty() || forward != (type.kind == Kind::fwd)) continue;
      if (is_tag(type.kind)) numbers_[id] = claim(tags(), identifier(type.name));
      if (type.kind == Kind::typedef_ && !is_own_tag(type)) numbers_[id] = claim(ordinary_, identifier(type.name));
    }
}

std::uint32_t CNames::claim(Space& space, const std::string& name) {
  std::uint32_t& uses = space[name];
  while (++uses > 1 && !space.try_emplace(numbered(name, uses), 1).second) continue;
  return uses;
}

/// True for `typedef struct x x`, where both are one name.
bool CNames::is_own_tag(const Type& type) const {
  if (language_ == CLanguage::c || type.kind != Kind::typedef_) return false;
  const Type& target = btf_.type(type.ref);
  return is_tag(target.kind) && target.name == type.name;
}

std::string CNames::type(TypeId id) const {
  const Type& type = btf_.type(id);
  if (type.name.empty()) return fmt::format("unnamed_{}", id);
  if (is_own_tag(type)) return this->type(type.ref);
  return numbered(identifier(type.name), numbers_[id]);
}

std::string CNames::enumerator(std::string_view name) {
  std::string plain = identifier(name);
  const std::uint32_t number = claim(ordinary_, plain);
  return numbered(std::move(plain), number);
}

}  // namespace skep::btf
