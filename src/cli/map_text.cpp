// Decides columns and how many rows are shown; what a cell says is value_text's.
#include "cli/map_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "cli/input.hpp"
#include "cli/object_facts.hpp"
#include "cli/quantity.hpp"
#include "cli/table.hpp"
#include "cli/value_text.hpp"

namespace skep::cli {
namespace {

constexpr std::size_t kMaxColumns = 10;  // of one struct; more members share one cell
constexpr std::size_t kMaxPerCpu = 144;  // characters of all CPUs together
constexpr std::size_t kShownDumps = 4;   // events without a type
constexpr std::size_t kDumpBytes = 16;   // a line of an event without a type

using Cells = std::vector<Table::Cell>;

/// How values of one type spread over columns.
class Shape {
 public:
  Shape(const btf::Btf* btf, btf::TypeId type, std::string heading) : btf_(btf), type_(type) {
    if (btf_ == nullptr || type_ == 0) {
      columns_.push_back({std::move(heading), 0, 0});
      return;
    }
    if (!spread()) columns_.assign(1, {std::move(heading), type_, 0});
  }

  void add_columns(Table& table) const {
    for (const Column& column : columns_) table.column(column.heading);
  }
  [[nodiscard]] std::size_t columns() const { return columns_.size(); }

  void add_cells(Cells& cells, std::span<const std::byte> bytes) const {
    for (const Column& column : columns_) {
      const auto part = bytes.subspan(std::min<std::size_t>(column.offset, bytes.size()));
      cells.emplace_back(text(column.type, part));
    }
  }
  /// All of a value in one piece.
  [[nodiscard]] std::string whole(std::span<const std::byte> bytes) const { return text(type_, bytes); }

 private:
  struct Column {
    std::string heading;
    btf::TypeId type;
    std::uint32_t offset;
  };

  /// A column for each member, where every member has a name, a byte of its own and not too many neighbours.
  bool spread() {
    const btf::Type& type = btf_->type(btf_->strip(type_));
    if (type.kind != btf::Kind::struct_ || type.vlen == 0 || type.vlen > kMaxColumns) return false;
    for (const btf::Member& member : btf_->members(type)) {
      if (member.name.empty() || member.bit_size != 0 || member.bit_offset % 8 != 0) return false;
      columns_.push_back({printable(member.name), member.type, member.bit_offset / 8});
    }
    return true;
  }

  [[nodiscard]] std::string text(btf::TypeId type, std::span<const std::byte> bytes) const {
    return value_text(btf_, type, bytes);
  }

  const btf::Btf* btf_;
  btf::TypeId type_;
  std::vector<Column> columns_;
};

std::string heading(const Look& look, std::string_view what, std::string_view name, std::string_view facts) {
  return fmt::format("\n{}  {}\n", look.paint(Tone::strong, fmt::format("{} {}", what, printable(name))),
                     look.paint(Tone::faint, facts));
}

std::string more_line(const Look& look, std::uint64_t hidden) {
  return look.paint(Tone::faint, fmt::format("  … {} more; --all shows them", grouped(hidden))) + "\n";
}

std::string facts_of(const MapView& view, const Look& look) {
  const MapSpec& spec = view.map.spec();
  const std::string type(name_of(spec.type));
  if (holds_references(view.map)) return fmt::format("{}, {} slots", type, grouped(spec.max_entries));
  const bool array = spec.type == MapType::array || spec.type == MapType::percpu_array;
  const std::string_view words = array && !look.all ? " not zero" : "";
  if (view.used == 0)
    return fmt::format("{}, {}", type,
                       array ? fmt::format("{} entries, all zero", grouped(spec.max_entries)) : "empty");
  return fmt::format("{}, {} of {} {}{}", type, grouped(view.used), grouped(spec.max_entries),
                     spec.max_entries == 1 ? "entry" : "entries", words);
}

/// "cpu0=12 cpu3=7": the values that are not zero.
std::string per_cpu_text(const Shape& shape, std::span<const std::span<const std::byte>> values) {
  std::string text;
  for (std::size_t cpu = 0; cpu < values.size(); ++cpu)
    if (!all_zero(values[cpu]))
      text += fmt::format("{}cpu{}={}", text.empty() ? "" : " ", cpu, shape.whole(values[cpu]));
  return cut_to(text, kMaxPerCpu);
}

std::string dump_text(std::span<const std::byte> record) {
  std::string text;
  for (std::size_t at = 0; at < record.size(); at += kDumpBytes) {
    const auto part = record.subspan(at, std::min(kDumpBytes, record.size() - at));
    std::string characters;
    for (const std::byte byte : part) {
      const auto c = std::to_integer<unsigned char>(byte);
      characters += c >= 0x20 && c < 0x7f ? static_cast<char>(c) : '.';
    }
    text +=
        fmt::format("  {:>7}  {:<47}  |{}|\n", at == 0 ? byte_count(record.size()) : "", format_hex(part), characters);
  }
  return text;
}

}  // namespace

std::string map_text(const Object& object, const Map& map, const Look& look) {
  if (holds_references(map)) return heading(look, "map", map.name(), facts_of(MapView(map), look));
  const MapView view = view_of(map, look.all ? SIZE_MAX : kShownRows, look.all);
  std::string out = heading(look, "map", map.name(), facts_of(view, look));
  if (view.entries.empty()) return out;

  const btf::Btf* btf = object.spec().btf.get();
  const MapSpec& spec = map.spec();
  const Shape keys(btf, spec.btf_key_type, "key");
  const Shape values(btf, spec.btf_value_type, "value");
  const std::vector<std::byte> sample(spec.value_size);
  const std::span<const std::byte> one_sample(sample);
  const bool summed = map.per_cpu() && btf != nullptr && sum_of(*btf, spec.btf_value_type, std::span(&one_sample, 1));
  Table table;
  keys.add_columns(table);
  if (!map.per_cpu() || summed) values.add_columns(table);
  if (map.per_cpu()) table.column("per CPU", Table::Align::left);
  for (const MapEntry& entry : view.entries) {
    Cells cells;
    keys.add_cells(cells, entry.key);
    if (map.per_cpu()) {
      const auto each = per_cpu_values(map, entry.value);
      if (summed) values.add_cells(cells, *sum_of(*btf, spec.btf_value_type, each));
      cells.emplace_back(per_cpu_text(values, each), Tone::faint);
    } else {
      values.add_cells(cells, entry.value);
    }
    table.row(std::move(cells));
  }
  out += table.text(look.paint);
  if (view.used > view.entries.size()) out += more_line(look, view.used - view.entries.size());
  return out;
}

std::string globals_text(const Object& object, const Look& look) {
  const auto& defs = object.spec().maps;
  const btf::Btf* btf = object.spec().btf.get();
  Table table;
  for (const char* unnamed : {"", "", ""}) table.column(unnamed, Table::Align::left);
  for (std::size_t i = 0; i < defs.size() && i < object.maps().size(); ++i) {
    if (!holds_globals(defs[i])) continue;
    const std::byte zero[4]{};
    const auto value = object.maps()[i].lookup(std::span<const std::byte>(zero));
    if (!value) continue;
    for (const loader::GlobalVar& variable : defs[i].variables) {
      if (is_compilers_own(variable) && !look.all) continue;
      const Shape shape(btf, variable.btf_type, "");
      const std::span<const std::byte> bytes(*value);
      table.row({printable(variable.name),
                 "= " + shape.whole(bytes.subspan(variable.offset, variable.bytes)),
                 {printable(defs[i].section), Tone::faint}});
    }
  }
  if (table.empty()) return {};
  return fmt::format("\n{}\n{}", look.paint(Tone::strong, "globals"), table.text(look.paint));
}

std::string events_text(const Object& object, const EventLog& log, const Look& look) {
  const char* const kind = log.map.spec().type == MapType::ringbuf ? "ring buffer" : "perf event array";
  const std::string lost = log.lost == 0 ? "" : fmt::format(", {} lost", grouped(log.lost));
  std::string out =
      heading(look, "events", log.map.name(),
              fmt::format("{}, {}{}", kind, log.count == 0 ? "no record" : counted(log.count, "record"), lost));
  if (log.type == 0) {
    const std::size_t shown = look.all ? log.kept.size() : std::min(log.kept.size(), kShownDumps);
    for (const auto& record : std::span(log.kept).first(shown)) out += dump_text(record);
    if (log.count > shown)
      out += look.paint(Tone::faint, fmt::format("  … {} more; --all shows them, --event {}=TYPE their members",
                                                 grouped(log.count - shown), printable(log.map.name()))) +
             "\n";
    return out;
  }
  const Shape shape(object.spec().btf.get(), log.type, "record");
  Table table;
  shape.add_columns(table);
  for (const auto& record : log.kept) {
    Cells cells;
    shape.add_cells(cells, record);
    table.row(std::move(cells));
  }
  if (!table.empty()) out += table.text(look.paint);
  if (log.count > log.kept.size()) out += more_line(look, log.count - log.kept.size());
  return out;
}

}  // namespace skep::cli
