// Which externs there are, in what order, and the map of those that are configuration.
#include "loader/externs.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "loader/kconfig.hpp"
#include "loader/maps.hpp"

namespace skep::loader {
namespace {

using Need = program::Need::Kind;

constexpr std::string_view kConfig = ".kconfig", kSymbols = ".ksyms", kPrefix = "CONFIG_";

/// What BTF declares in the two sections.
std::unordered_map<std::string_view, std::pair<btf::Type, bool>> declarations(const btf::Btf& btf) {
  std::unordered_map<std::string_view, std::pair<btf::Type, bool>> declared;
  for (const std::string_view section : {kConfig, kSymbols}) {
    const btf::TypeId id = btf.find(btf::Kind::datasec, section);
    if (id == 0) continue;
    for (const btf::SectionVar& place : btf.section_vars(btf.type(id))) {
      const btf::Type& type = btf.type(place.var);
      if (type.kind == btf::Kind::var || (type.kind == btf::Kind::func && section == kSymbols))
        declared.try_emplace(type.name, type, section == kConfig);
    }
  }
  return declared;
}

/// The lines of a configuration that some variable asks for, by name: the first of each.
using Lines = std::map<std::string_view, std::string_view>;

Result<void> read_line(const KconfigText& config, std::size_t number, std::string_view line, Lines& wanted) {
  if (!line.starts_with(kPrefix)) return {};
  const auto equals = line.find('=');
  if (equals == std::string_view::npos || equals + 1 == line.size())
    return fail(ErrorCode::malformed, config.name, fmt::format("line {}: {} has no value", number, shown(line)));
  const auto asked = wanted.find(line.substr(0, equals));
  if (asked != wanted.end() && asked->second.empty()) asked->second = line.substr(equals + 1);
  return {};
}

Result<void> read_lines(const KconfigText& config, Lines& wanted) {
  std::string_view rest = config.text;
  for (std::size_t number = 1; !rest.empty(); ++number) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    if (auto done = read_line(config, number, line, wanted); !done) return done;
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
  }
  return {};
}

MapDef kconfig_map_of(const btf::Btf& btf, std::uint32_t bytes) {
  MapDef def;
  def.spec.name = kConfig;
  def.spec.type = MapType::array;
  def.spec.key_size = 4;
  def.spec.value_size = bytes;
  def.spec.max_entries = 1;
  def.spec.flags = map_flag::rdonly_prog | map_flag::mmapable;
  def.spec.btf_value_type = btf.find(btf::Kind::datasec, kConfig);
  def.origin = MapDef::Origin::kconfig;
  def.section = kConfig;
  def.contents.resize(bytes);
  return def;
}

/// A variable and the bytes it has in the map.
struct Placed {
  Extern* variable;
  KconfigType type;
};

/// Gives each variable its place; returns the map's size. Largest alignment first, then smallest size, then by name,
/// which is the order that `variables` is put into.
Result<std::uint32_t> place(std::vector<Placed>& variables) {
  std::sort(variables.begin(), variables.end(), [](const Placed& a, const Placed& b) {
    return std::tie(b.type.align, a.type.bytes, a.variable->name) <
           std::tie(a.type.align, b.type.bytes, b.variable->name);
  });
  std::uint64_t end = 0;
  for (const auto& [variable, type] : variables) {
    const std::uint64_t begin = (end + type.align - 1) / type.align * type.align;
    end = begin + type.bytes;
    if (end > kMaxKconfigBytes)
      return fail(ErrorCode::limit, fmt::format("extern {}", shown(variable->name)),
                  fmt::format("the configuration takes {} bytes, at most {} are taken", end, kMaxKconfigBytes));
    variable->place = static_cast<std::uint32_t>(begin);
  }
  return static_cast<std::uint32_t>(end);
}

}  // namespace

void Externs::add(const Source& source, std::string_view name, bool weak, const btf::Type& declared, bool kconfig) {
  if (!index_.try_emplace(name, 0).second) return;
  const Need symbol = declared.kind == btf::Kind::func ? Need::kfunc : Need::ksym;
  const bool typeless = source.btf->strip(declared.ref) == 0;
  Extern made{.name = name, .kind = kconfig ? Need::kconfig : symbol, .weak = weak, .place = {}, .problem = {}};
  made.type = typeless ? 0 : declared.ref;
  externs_.push_back(std::move(made));
}

void Externs::add_foreign(std::string_view name, bool weak) {
  if (!index_.try_emplace(name, 0).second) return;
  Extern made{.name = name, .kind = Need::ksym, .weak = weak, .foreign = true, .place = {}, .problem = {}};
  if (!weak) made.problem = "another object defines it";
  externs_.push_back(std::move(made));
}

Result<Externs> Externs::read(const Source& source) {
  Externs externs;
  std::unordered_map<std::string_view, std::pair<btf::Type, bool>> declared;
  if (source.btf != nullptr) declared = declarations(*source.btf);
  for (const elf::Symbol& symbol : source.file.symbols) {
    if (symbol.section != 0 || symbol.name.empty()) continue;
    const auto declaration = declared.find(symbol.name);
    if (auto named = check_name("extern", symbol.name); !named) return fail(std::move(named).error());
    const bool weak = symbol.binding == static_cast<std::uint8_t>(elf::Binding::weak);
    if (declaration == declared.end())
      externs.add_foreign(symbol.name, weak);
    else
      externs.add(source, symbol.name, weak, declaration->second.first, declaration->second.second);
  }

  std::vector<Placed> variables;
  for (Extern& each : externs.externs_) {
    if (each.kind != Need::kconfig) continue;
    const auto type = kconfig_type(*source.btf, each.type);
    if (type)
      variables.push_back({&each, *type});
    else
      each.problem = "no configuration has a value of its type";
  }
  if (auto placed = place(variables); !placed) return fail(std::move(placed).error());
  // A poisoned call holds its function's index in libbpf's order: configuration (what has no place last), then names.
  const auto rank = [](const Extern& each) {
    return std::tuple(each.kind != Need::kconfig, each.place.value_or(kMaxKconfigBytes), each.name);
  };
  std::sort(externs.externs_.begin(), externs.externs_.end(),
            [&rank](const Extern& a, const Extern& b) { return rank(a) < rank(b); });
  for (std::uint32_t i = 0; i < externs.externs_.size(); ++i) externs.index_[externs.externs_[i].name] = i;
  return externs;
}

Result<void> Externs::make_kconfig(Source& source, const Surroundings& around, MapTable& maps) {
  const auto last = std::find_if(externs_.rbegin(), externs_.rend(), [](const Extern& each) { return each.place; });
  if (last == externs_.rend()) return {};
  if (maps.defs().size() >= kMaxMaps)
    return fail(ErrorCode::limit, "map .kconfig", fmt::format("at most {} maps are taken", kMaxMaps));
  const btf::Btf& btf = *source.btf;
  MapDef def = kconfig_map_of(btf, *last->place + kconfig_type(btf, last->type)->bytes);

  Lines lines;
  for (const Extern& each : externs_)
    if (each.place && each.name.starts_with(kPrefix) && !around.values.contains(each.name)) lines[each.name] = {};
  KconfigText config;
  if (!lines.empty() && around.kconfig) {
    auto text = around.kconfig();
    if (!text) return fail(std::move(text).error());
    config = std::move(*text);
    if (auto done = read_lines(config, lines); !done) return done;
  }

  for (Extern& each : externs_) {
    if (!each.place) continue;
    const KconfigType type = *kconfig_type(btf, each.type);
    def.variables.push_back({std::string(each.name), *each.place, type.bytes, each.type, false});
    const auto room = std::span(def.contents).subspan(*each.place, type.bytes);
    bool cut = false;
    if (const auto value = around.values.find(each.name); value != around.values.end()) {
      if (std::string problem = write_kconfig(type, value->second, room, cut); !problem.empty())
        return fail(ErrorCode::invalid, fmt::format("extern {}", each.name), std::move(problem));
      each.found = true;
    } else if (const auto line = lines.find(each.name); line != lines.end() && !line->second.empty()) {
      each.problem = write_kconfig_text(type, line->second, room, cut);
      each.found = each.problem.empty();
    }
    if (cut) source.notes.add(fmt::format("extern {}: the text is cut to {} bytes", shown(each.name), type.bytes - 1));
  }
  kconfig_map_ = maps.add(std::move(def));
  return {};
}

std::optional<std::uint32_t> Externs::find(std::string_view name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) return std::nullopt;
  return found->second;
}

}  // namespace skep::loader
