// Headers are read by their lines: both writers end a top-level declaration with ";" on a line that starts in column 0.
#include "support/c_types.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "elf/elf.hpp"
#include "support/tools.hpp"

namespace skep::testing {
namespace {

using btf::Kind;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// The first identifier of the text.
std::string_view first_word(std::string_view text) {
  const auto begin = std::find_if(text.begin(), text.end(), is_word);
  return {begin, std::find_if_not(begin, text.end(), is_word)};
}

/// The name that the last line of a typedef defines.
std::string typedef_name(std::string line) {
  for (std::size_t at; (at = line.find("__attribute__((")) != std::string::npos;) {
    std::size_t end = at + 13, open = 0;
    do {
      open += line[end] == '(';
      open -= line[end] == ')';
      ++end;
    } while (open != 0 && end < line.size());
    line.erase(at, end - at);
  }
  // In parentheses, behind a star: "(*name)(…)", "(*(*name)(…))[3]"; before parentheses: "name(…)"; else the last word.
  const std::size_t paren = line.find('(');
  if (paren != std::string::npos && line.compare(paren, 2, "(*") == 0) {
    const std::string_view inner = std::string_view(line).substr(line.find_first_not_of("(* ", paren));
    const std::string_view word = first_word(inner);
    return std::string(word == "const" || word == "volatile" ? first_word(inner.substr(word.size())) : word);
  }
  line.resize(std::min({paren, line.find('['), line.size()}));
  std::size_t end = line.size();
  while (end > 0 && !is_word(line[end - 1])) --end;
  std::size_t begin = end;
  while (begin > 0 && is_word(line[begin - 1])) --begin;
  return line.substr(begin, end - begin);
}

std::string plain(std::string_view name) {
  std::string out(name);
  const auto digits = out.find_last_not_of("0123456789");
  if (digits != std::string::npos && digits + 1 < out.size() && digits >= 3 && out.compare(digits - 2, 3, "___") == 0)
    out.resize(digits - 2);
  return out;
}

class Words {
 public:
  explicit Words(const btf::Btf& types) : types_(types) {}

  std::string named(btf::TypeId id) const {
    const btf::Type& type = types_.type(id);
    if (type.kind == Kind::typedef_) return fmt::format("typedef {} {}", plain(type.name), word(type.ref));
    return fmt::format("{} {}", tag(type), body(type));
  }

 private:
  static std::string tag(const btf::Type& type) {
    const bool is_union = type.kind == Kind::union_ || (type.kind == Kind::fwd && type.kind_flag);
    const bool is_enum = type.kind == Kind::enum_ || type.kind == Kind::enum64;
    return fmt::format("{} {}", is_enum ? "enum" : is_union ? "union" : "struct", plain(type.name));
  }
  std::string body(const btf::Type& type) const {
    std::string text = fmt::format("{} {{", type.size);
    for (const btf::Member& each : types_.members(type))
      text += fmt::format(" {}@{}:{} {},", each.name, each.bit_offset, each.bit_size, word(each.type));
    for (const btf::Enumerator& each : types_.enumerators(type))
      text += fmt::format(" {}={},", plain(each.name), static_cast<std::int64_t>(each.value));
    return text + " }";
  }
  std::string word(btf::TypeId id) const {
    const btf::Type& type = types_.type(id);
    switch (type.kind) {
      case Kind::int_:
        return fmt::format("{}int{}", type.int_encoding == 4 ? "bool " : "", type.size);
      case Kind::float_:
        return fmt::format("float{}", type.size);
      case Kind::ptr:
        return "*" + word(type.ref);
      case Kind::array:
        return fmt::format("[{}]{}", type.count, word(type.ref));
      case Kind::struct_:
      case Kind::union_:
      case Kind::enum_:
      case Kind::enum64:
      case Kind::fwd:
        return type.name.empty() ? tag(type) + body(type) : tag(type);
      case Kind::typedef_:
        return plain(type.name);
      case Kind::const_:
      case Kind::volatile_:
      case Kind::restrict_:
        return word(type.ref);  // where compilers put them on arrays and functions differs
      case Kind::type_tag:
        return (type.kind_flag ? std::string() : fmt::format("tag({}) ", type.name)) + word(type.ref);
      case Kind::func_proto: {
        std::string text = word(type.ref) + "(";
        const auto all = types_.parameters(type);
        if (all.size() != 1 || all[0].type != 0)
          for (const btf::Parameter& each : all) text += word(each.type) + ",";
        return text + ")";
      }
      case Kind::void_:
      case Kind::func:
      case Kind::var:
      case Kind::datasec:
      case Kind::decl_tag:
        return "void";
    }
    return "?";
  }

  const btf::Btf& types_;
};

}  // namespace

std::multiset<std::string> declared(std::string_view header) {
  std::multiset<std::string> found;
  std::istringstream lines{std::string(header)};
  std::string line, kind, forward;
  std::set<std::string> defined;
  std::vector<std::string> forwards;
  bool in_typedef = false;
  while (std::getline(lines, line)) {
    if (line.empty() || line[0] == '#' || line[0] == '\t' || line[0] == '/') continue;
    if (line.starts_with("typedef ")) in_typedef = true;
    const bool ends = line.ends_with(';');
    if (in_typedef) {
      if (ends) found.insert("typedef " + typedef_name(line));
      in_typedef = !ends;
    } else if (line[0] != '}') {
      const std::string_view keyword = first_word(line);
      const std::string name = fmt::format("{} {}", keyword, first_word(std::string_view(line).substr(keyword.size())));
      const bool has_body = line.find('{') != std::string::npos;
      if (has_body) defined.insert(name), found.insert(name);
      if (!has_body && ends) forwards.push_back(name);
    }
  }
  std::sort(forwards.begin(), forwards.end());
  forwards.erase(std::unique(forwards.begin(), forwards.end()), forwards.end());
  for (const std::string& name : forwards)
    if (!defined.contains(name)) found.insert(name + ";");
  return found;
}

Compiled compile_header(const std::string& header) {
  // Compilers record types that something uses. Parameters do, some hundreds a time: clang takes quadratic time over
  // variables.
  std::string source = header;
  std::size_t n = 0;
  for (const std::string& name : declared(header)) {
    std::string_view type = name;
    if (type == "enum ") continue;  // has no name to use it by
    if (type.starts_with("typedef ")) type.remove_prefix(8);
    if (type.ends_with(';')) type.remove_suffix(1);
    if (n % 200 == 0) source += fmt::format("{}\nvoid (*skep_use_{})(int", n == 0 ? "" : ");", n);
    source += fmt::format(", {} *", type);
    ++n;
  }
  source += n == 0 ? "" : ");\n";
  const tools::Scratch scratch;
  const std::string from = scratch.write("header.c", source), object = scratch.write("header.o", "");
  const std::string log = scratch.write("log", "");
  if (!tools::output_of("(clang-19 -target bpf -g -O0 -Werror -Wno-pragma-clang-attribute -c " + from + " -o " +
                        object + " 2>" + log + ")")) {
    std::ifstream file(log);
    std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    return {nullptr, text.substr(0, 2000)};
  }
  return {types_of(*tools::read_file(object)), ""};
}

std::multiset<std::string> layouts(const btf::Btf& types) {
  std::multiset<std::string> found;
  const Words words(types);
  for (btf::TypeId id = 1; id < types.size(); ++id) {
    const btf::Type& type = types.type(id);
    const bool whole = type.kind == Kind::struct_ || type.kind == Kind::union_ || type.kind == Kind::enum_ ||
                       type.kind == Kind::enum64 || type.kind == Kind::typedef_;
    if (whole && !type.name.empty() && type.name != "__builtin_va_list") found.insert(words.named(id));
  }
  return found;
}

std::string difference(const std::multiset<std::string>& left, const std::multiset<std::string>& right) {
  std::vector<std::string> only_left, only_right;
  std::set_difference(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(only_left));
  std::set_difference(right.begin(), right.end(), left.begin(), left.end(), std::back_inserter(only_right));
  if (only_left.empty() && only_right.empty()) return "";
  std::string text = fmt::format("{} and {} differ", only_left.size(), only_right.size());
  for (std::size_t i = 0; i < std::min<std::size_t>(8, only_left.size()); ++i) text += "\n< " + only_left[i];
  for (std::size_t i = 0; i < std::min<std::size_t>(8, only_right.size()); ++i) text += "\n> " + only_right[i];
  return text;
}

Types types_of(const std::vector<std::byte>& file) {
  Bytes bytes = file;
  const auto object = elf::File::parse(bytes);
  if (object) {
    const elf::Section* section = object->find(".BTF");
    if (section == nullptr) return nullptr;
    bytes = section->data;
  }
  auto types = btf::Btf::parse(bytes);
  return types ? *types : nullptr;
}

}  // namespace skep::testing
