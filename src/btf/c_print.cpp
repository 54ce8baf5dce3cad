// A C declarator is read from the name outward: variable() first follows the types from the name to the far end, then
// writes that end, the derivations left of the name going inward, the name, and those right of it going outward again.
// So its cost is linear, and only what nests in C (anonymous types, parameters) recurs.
#include "btf/c_print.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "btf/c_dump.hpp"

namespace skep::btf {
namespace {

bool is_qualifier(Kind kind) {
  return kind == Kind::const_ || kind == Kind::volatile_ || kind == Kind::restrict_ || kind == Kind::type_tag;
}

/// Bytes of the integer type that these words name in C; 0 when they name none.
std::uint32_t size_of_words(std::string_view words) {
  struct Word {
    std::string_view text;
    std::uint32_t bytes;  ///< 0 for words that do not say
  };
  constexpr std::array<Word, 8> kWords = {{{"signed", 0},
                                           {"unsigned", 0},
                                           {"int", 0},
                                           {"char", 1},
                                           {"short", 2},
                                           {"long", 8},
                                           {"__int128", 16},
                                           {"_Bool", 1}}};
  std::uint32_t bytes = 0;
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    const auto* word =
        std::find_if(kWords.begin(), kWords.end(), [&](const Word& each) { return each.text == words.substr(0, end); });
    if (word == kWords.end()) return 0;
    bytes = std::max(bytes, word->bytes);
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return bytes == 0 ? 4 : bytes;
}

std::string integer_of(std::uint32_t bytes, bool has_sign) {
  const char* words = bytes == 16  ? "__int128"
                      : bytes == 8 ? "long long"
                      : bytes == 4 ? "int"
                      : bytes == 2 ? "short"
                                   : "char";
  return fmt::format("{} {}", has_sign ? "signed" : "unsigned", words);
}

/// What C calls an integer: by the type's own name, or, of other languages' integers, by size and sign.
std::string integer(const Type& type, bool cpp) {
  constexpr std::uint8_t kSigned = 1, kBool = 4;
  if (type.name == "_Bool" && type.size == 1) return cpp ? "bool" : "_Bool";
  if (!type.name.empty() && size_of_words(type.name) == type.size) return std::string(type.name);
  if (type.int_encoding == kBool && type.size == 1) return cpp ? "bool" : "_Bool";
  return integer_of(type.size, type.int_encoding == kSigned);
}

const char* floating(const Type& type, bool cpp) {
  if (type.size == 2 && cpp) return "unsigned short";  // not every compiler has the type there
  return type.size == 2 ? "_Float16" : type.size == 4 ? "float" : type.size == 8 ? "double" : "long double";
}

const char* keyword(const Type& type) {
  const bool is_union = type.kind == Kind::union_ || (type.kind == Kind::fwd && type.kind_flag);
  const bool is_enum = type.kind == Kind::enum_ || type.kind == Kind::enum64;
  return is_union ? "union" : is_enum ? "enum" : "struct";
}

/// `value` as C takes it: the least 64-bit number has no literal, and the largest ones only an unsigned one.
std::string literal(std::uint64_t value, bool is_signed) {
  constexpr std::uint64_t kSignBit = 1ull << 63;
  if (is_signed && value == kSignBit) return "-9223372036854775807LL - 1";
  if (is_signed) return fmt::format("{}", static_cast<std::int64_t>(value));
  return fmt::format("{}{}", value, value >= kSignBit ? "ULL" : "");
}

/// Bytes that C gives an enum of these values by itself.
std::uint32_t natural_size(const Elements<Enumerator>& values, bool is_signed) {
  const auto fits = [&](const Enumerator& each) {
    const auto value = static_cast<std::int64_t>(each.value);
    return is_signed ? value == static_cast<std::int32_t>(value) : each.value == static_cast<std::uint32_t>(each.value);
  };
  return std::all_of(values.begin(), values.end(), fits) ? 4 : 8;
}

/// The string of a type tag between quotes: what would end it, or is not printable, as "?".
std::string quoted(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c < 0x20 || c == 0x7f || c == '"' || c == '\\') c = '?';
  return out;
}

}  // namespace

CPrinter::CPrinter(const Btf& btf, CLanguage language)
    : btf_(btf), language_(language), names_(btf, language), layouts_(btf) {
  if (names_.longer_than(kMaxCText)) refuse(0, fmt::format("names of more than {} MiB", kMaxCText >> 20));
}

void CPrinter::refuse(TypeId id, std::string what) {
  if (!error_) error_ = {ErrorCode::limit, fmt::format("btf: type {}: as C", id), std::move(what)};
}

bool CPrinter::step(TypeId id) {
  if (++steps_ > kMaxCSteps) refuse(id, fmt::format("more than {} steps", kMaxCSteps));
  if (out_.size() > kMaxCText) refuse(id, fmt::format("more than {} MiB of text", kMaxCText >> 20));
  return !error_;
}

void CPrinter::line(unsigned depth) {
  out_ += '\n';
  out_.append(depth, '\t');
}

void CPrinter::define(TypeId id) {
  const Kind kind = btf_.type(id).kind;
  if (kind == Kind::enum_ || kind == Kind::enum64)
    enumeration(id, 0);
  else
    composite(id, 0);
  out_ += ";\n\n";
}

void CPrinter::declare(TypeId id) { out_ += fmt::format("{} {};\n\n", keyword(btf_.type(id)), names_.type(id)); }

void CPrinter::define_typedef(TypeId id) {
  const Type& type = btf_.type(id);
  if (type.name == "__builtin_va_list" || (is_cpp() && type.name == "bool")) return;
  out_ += "typedef ";
  // Some compilers record this one, which stands for a built-in type, as void.
  if (type.name == "__gnuc_va_list" && type.ref == 0)
    out_ += "__builtin_va_list __gnuc_va_list";
  else
    variable(type.ref, names_.type(id), 0);
  out_ += ";\n\n";
}

/// Puts the types from `id` to the far end on the stacks; false past a limit.
bool CPrinter::follow(TypeId id) {
  const std::size_t start = chain_.size();
  std::uint32_t qualifiers = static_cast<std::uint32_t>(start);
  for (;;) {
    const Type& type = btf_.type(id);
    const auto at = static_cast<std::uint32_t>(chain_.size());
    if (at - start > kMaxCDerivations) {
      refuse(id, fmt::format("more than {} pointers, arrays and qualifiers of one name", kMaxCDerivations));
      return false;
    }
    chain_.push_back(id);
    const bool derived = type.kind == Kind::ptr || type.kind == Kind::array || type.kind == Kind::func_proto;
    if (derived) {
      derivations_.push_back({id, qualifiers, at});
      // Qualifiers of an array are its elements'; functions have none.
      if (type.kind != Kind::array) qualifiers = at + 1;
    } else if (!is_qualifier(type.kind) && (type.kind != Kind::typedef_ || !type.name.empty())) {
      derivations_.push_back({id, qualifiers, at});
      return true;
    }
    id = type.ref;
  }
}

void CPrinter::variable(TypeId id, std::string_view name, unsigned depth) {
  if (!step(id)) return;
  if (depth > kMaxCNesting) return refuse(id, fmt::format("nests more than {} deep", kMaxCNesting));
  const std::size_t chain = chain_.size(), first = derivations_.size();
  if (follow(id)) {
    const std::size_t last = derivations_.size() - 1;
    const Derivation end = derivations_[last];
    qualifiers(end.qualifiers, end.at, false);
    base(end.id, depth);
    type_tags(end.qualifiers, end.at);
    left(first, last, !name.empty());
    out_ += name;
    right(first, last, depth);
  }
  chain_.resize(chain);
  derivations_.resize(first);
}

/// True for what would take a name before the "*" to its left does.
bool CPrinter::grips(std::size_t index) const {
  const Kind kind = btf_.type(derivations_[index].id).kind;
  return kind == Kind::array || kind == Kind::func_proto;
}

void CPrinter::left(std::size_t first, std::size_t last, bool named) {
  bool space = named || first != last;
  for (std::size_t i = last; i-- > first;) {
    const Derivation each = derivations_[i];
    if (btf_.type(each.id).kind != Kind::ptr) continue;
    if (space) out_ += ' ';
    out_ += grips(i + 1) ? "(*" : "*";
    space = false;
    if (each.qualifiers == each.at) continue;
    const std::size_t before = out_.size();
    qualifiers(each.qualifiers, each.at, true);
    type_tags(each.qualifiers, each.at);
    space = out_.size() != before;
  }
  if (space) out_ += ' ';
}

void CPrinter::right(std::size_t first, std::size_t last, unsigned depth) {
  for (std::size_t i = first; i < last; ++i) {
    const Type& type = btf_.type(derivations_[i].id);
    if (type.kind == Kind::array) out_ += fmt::format("[{}]", type.count);
    if (type.kind == Kind::func_proto) parameters(type, depth);
    if (type.kind == Kind::ptr && grips(i + 1)) out_ += ')';
  }
}

/// The words, each once: of a pointer " const", behind its "*", else "const ", in front of the type.
void CPrinter::qualifiers(std::size_t from, std::size_t to, bool pointer) {
  struct Word {
    Kind kind;
    const char* text;
  };
  constexpr std::array<Word, 3> kWords = {
      {{Kind::const_, "const"}, {Kind::volatile_, "volatile"}, {Kind::restrict_, "restrict"}}};
  for (const Word& word : kWords) {
    const auto is_it = [&](TypeId id) { return btf_.type(id).kind == word.kind; };
    const auto begin = chain_.begin() + static_cast<std::ptrdiff_t>(from);
    if (std::none_of(begin, begin + static_cast<std::ptrdiff_t>(to - from), is_it)) continue;
    if (word.kind == Kind::restrict_ && (!pointer || is_cpp())) continue;
    out_ += pointer ? fmt::format(" {}", word.text) : fmt::format("{} ", word.text);
  }
}

void CPrinter::type_tags(std::size_t from, std::size_t to) {
  for (std::size_t i = to; i-- > from;) {
    const Type& type = btf_.type(chain_[i]);
    // With the flag, the text is an attribute of any kind. None changes a layout, so they can go.
    if (type.kind != Kind::type_tag || type.kind_flag || is_cpp()) continue;
    out_ += fmt::format(" __attribute__((btf_type_tag(\"{}\")))", quoted(type.name));
  }
}

std::string CPrinter::typedef_name(TypeId id) const {
  const std::string_view name = btf_.type(id).name;
  const bool built_in = name == "__builtin_va_list" || (is_cpp() && name == "bool");
  return built_in ? std::string(name) : names_.type(id);
}

/// The type at the far end of a declarator.
void CPrinter::base(TypeId id, unsigned depth) {
  const Type& type = btf_.type(id);
  switch (type.kind) {
    case Kind::int_:
      out_ += integer(type, is_cpp());
      return;
    case Kind::float_:
      out_ += floating(type, is_cpp());
      return;
    case Kind::typedef_:
      out_ += typedef_name(id);
      return;
    case Kind::struct_:
    case Kind::union_:
      if (!type.name.empty()) break;
      if (prototypes_ == 0) return composite(id, depth);
      out_ += "void";  // C++ defines no types in prototypes, and in C none is the same as another's
      return;
    case Kind::enum_:
    case Kind::enum64:
      if (!type.name.empty()) break;
      if (prototypes_ == 0) return enumeration(id, depth);
      out_ += integer_of(type.size, type.kind_flag);
      return;
    case Kind::fwd:
      break;
    case Kind::void_:
    case Kind::ptr:
    case Kind::array:
    case Kind::volatile_:
    case Kind::const_:
    case Kind::restrict_:
    case Kind::type_tag:
    case Kind::func:
    case Kind::func_proto:
    case Kind::var:
    case Kind::datasec:
    case Kind::decl_tag:
      out_ += "void";
      return;
  }
  out_ += fmt::format("{} {}", keyword(type), names_.type(id));
}

void CPrinter::parameters(const Type& proto, unsigned depth) {
  const auto all = btf_.parameters(proto);
  if (all.empty() || (all.size() == 1 && all[0].type == 0)) {
    out_ += "(void)";
    return;
  }
  out_ += '(';
  prototypes_ += is_cpp() ? 1 : 0;
  for (std::size_t i = 0; i < all.size() && !error_; ++i) {
    if (i != 0) out_ += ", ";
    // Names of parameters are left out: they could hide a typedef that a later one needs.
    if (all[i].type == 0 && i + 1 == all.size())
      out_ += "...";
    else
      variable(all[i].type, "", depth + 1);
  }
  prototypes_ -= is_cpp() ? 1 : 0;
  out_ += ')';
}

void CPrinter::composite(TypeId id, unsigned depth) {
  const Type& type = btf_.type(id);
  const CLayout layout = layouts_.of(id);
  out_ += keyword(type);
  if (!type.name.empty()) out_ += " " + names_.type(id);
  out_ += " {";
  const std::size_t before = out_.size();
  members(type, layout, depth + 1);
  if (is_cpp() && type.size == 0 && out_.size() == before) out_ += " char nothing[0];";  // its size would be 1
  if (out_.size() != before) line(depth);
  out_ += '}';
  if (layout.packed) out_ += " __attribute__((packed))";
  if (layout.aligned != 0) out_ += fmt::format(" __attribute__((aligned({})))", layout.aligned);
}

/// True for an anonymous struct or union, whatever its qualifiers: its members are the outer type's, too.
bool CPrinter::is_anonymous(TypeId id) const {
  while (is_qualifier(btf_.type(id).kind)) id = btf_.type(id).ref;
  const Type& type = btf_.type(id);
  return type.name.empty() && (type.kind == Kind::struct_ || type.kind == Kind::union_);
}

void CPrinter::members(const Type& type, const CLayout& layout, unsigned depth) {
  const auto all = btf_.members(type);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> places;  // bit, index
  for (std::uint32_t i = 0; i < all.size(); ++i) places.emplace_back(all[i].bit_offset, i);
  // C lays members out as they come; other languages need not. Those at one place (of a union) stay as they come.
  std::sort(places.begin(), places.end());
  const bool pads = type.kind == Kind::struct_;
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Member member = all[places[i].second];
    if (!step(member.type)) break;
    if (member.bit_size != 0 && member.name.empty()) continue;  // padding, which comes by itself
    const std::uint64_t place = pads ? layouts_.place(layout, member, end) : 0;
    if (place != member.bit_offset && end < member.bit_offset) padding(end, member.bit_offset, depth);
    line(depth);
    const bool anonymous = member.name.empty() && is_anonymous(member.type);
    const std::string name = anonymous             ? ""
                             : member.name.empty() ? fmt::format("unnamed_{}", i)
                                                   : names_.member(member.name);
    if (member.bit_size != 0 && is_cpp())
      bit_field(member, name);
    else
      variable(member.type, name, depth);
    if (member.bit_size != 0) out_ += fmt::format(": {}", member.bit_size);
    out_ += ';';
    if (pads && member.bit_offset < end)
      out_ += fmt::format("  /* at bit {}, within what is before it: not as C has it */", member.bit_offset);
    end = member.bit_offset + layouts_.bits_of(member);
  }
  if (!pads && end == 0) padding(0, std::min<std::uint64_t>(64, std::uint64_t{8} * type.size), depth);
  const std::uint64_t bits = std::uint64_t{8} * type.size, unit = std::uint64_t{8} * layout.align;
  if (pads && (end + unit - 1) / unit * unit < bits) padding(end, bits, depth);
}

/// Of an enum as its integer: an enum that says its type, as all do in C++, has values that the bits do not hold.
void CPrinter::bit_field(const Member& member, std::string_view name) {
  const Type& type = btf_.type(btf_.strip(member.type));
  if (type.kind != Kind::enum_ && type.kind != Kind::enum64) return variable(member.type, name, 0);
  out_ += fmt::format("{} {}", integer_of(type.size, type.kind_flag), name);
}

void CPrinter::padding(std::uint64_t from, std::uint64_t to, unsigned depth) {
  while (from < to && step(0)) {
    const CPadding piece = next_padding(from, to);
    line(depth);
    out_ += fmt::format("{}: {};", piece.type, piece.bits);
    from += piece.bits;
  }
}

void CPrinter::enumeration(TypeId id, unsigned depth) {
  const Type& type = btf_.type(id);
  const auto values = btf_.enumerators(type);
  if (values.empty() && is_cpp() && !type.name.empty()) {
    out_ += fmt::format("enum {} : {} {{}}", names_.type(id), integer_of(type.size, type.kind_flag));
    return;
  }
  if (values.empty()) {
    // C has no anonymous enum without values.
    out_ += type.name.empty() ? "int" : "enum " + names_.type(id);
    return;
  }
  out_ += "enum ";
  if (!type.name.empty()) out_ += names_.type(id) + " ";
  if (is_cpp()) out_ += fmt::format(": {} ", integer_of(type.size, type.kind_flag));
  out_ += '{';
  for (std::size_t i = 0; i < values.size() && step(id); ++i) {
    line(depth + 1);
    out_ += fmt::format("{} = {},", names_.enumerator(values[i].name), literal(values[i].value, type.kind_flag));
  }
  line(depth);
  out_ += '}';
  if (is_cpp() || type.size == natural_size(values, type.kind_flag)) return;
  const char* mode = type.size == 1 ? "QI" : type.size == 2 ? "HI" : type.size == 8 ? "DI" : "SI";
  out_ += fmt::format(" __attribute__((mode({})))", mode);
}

}  // namespace skep::btf
