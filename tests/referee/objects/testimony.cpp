// Splits lines and fields; a report is our own, so that what is missing reads as nothing.
#include "referee/objects/testimony.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace skep::referee {
namespace {

class Fields {
 public:
  explicit Fields(std::string_view line) : rest_(line) {}
  std::string_view text() {
    const std::size_t end = std::min(rest_.find('\t'), rest_.size());
    const std::string_view field = rest_.substr(0, end);
    rest_.remove_prefix(std::min(rest_.size(), end + 1));
    return field;
  }
  std::uint64_t number() {
    const std::string_view field = text();
    std::uint64_t value = 0;
    std::from_chars(field.data(), field.data() + field.size(), value);
    return value;
  }
  std::uint32_t word() { return static_cast<std::uint32_t>(number()); }

 private:
  std::string_view rest_;
};

TheirMap read_map(Fields fields) {
  TheirMap map;
  map.spec.name = fields.text();
  map.spec.type = static_cast<MapType>(fields.number());
  map.spec.key_size = fields.word();
  map.spec.value_size = fields.word();
  map.spec.max_entries = fields.word();
  map.spec.flags = fields.word();
  map.spec.numa_node = fields.word();
  map.spec.map_extra = fields.number();
  map.spec.btf_key_type = fields.word();
  map.spec.btf_value_type = fields.word();
  map.pin_path = fields.text();
  map.bound = map.spec.type != MapType::struct_ops;
  map.spec.pinned_by_name = !map.pin_path.empty();
  return map;
}

TheirProgram read_program(Fields fields) {
  TheirProgram program;
  program.name = fields.text();
  program.section = fields.text();
  program.type = fields.word();
  program.attach_type = fields.word();
  program.autoload = fields.number() != 0;
  program.bound = program.type != static_cast<std::uint32_t>(ProgType::struct_ops);
  return program;
}

std::vector<Insn> read_insns(std::string_view hex) {
  const auto digit = [](char c) { return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10); };
  std::vector<std::uint8_t> bytes(hex.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
  std::vector<Insn> insns(bytes.size() / sizeof(Insn));
  std::memcpy(static_cast<void*>(insns.data()), bytes.data(), insns.size() * sizeof(Insn));
  return insns;
}

void read_load(Fields fields, std::vector<TheirProgram>& programs) {
  const std::string_view name = fields.text();
  const auto program =
      std::find_if(programs.begin(), programs.end(), [name](const TheirProgram& each) { return each.name == name; });
  if (program == programs.end()) return;
  program->loaded = true;
  program->by_its_own_rules = fields.text() == "rules";
  fields.number();  // as opened, or the witness's own
  // Which function of a struct_ops struct a program is turns up when the struct is looked up in the kernel's types.
  const std::uint32_t attach_type = fields.word();
  if (program->by_its_own_rules) program->attach_type = attach_type;
  program->flags = fields.word();
  program->attach_id = fields.word();
  program->license = fields.text();
  program->insns = read_insns(fields.text());
}

void read_value_size(Fields fields, std::vector<TheirMap>& maps) {
  const std::string_view name = fields.text();
  const std::uint32_t size = fields.word();
  for (TheirMap& each : maps)
    if (each.spec.name == name) each.spec.value_size = size, each.bound = true;
}

void read_autoload(Fields fields, std::vector<TheirProgram>& programs) {
  const std::string_view name = fields.text();
  const bool autoload = fields.number() != 0;
  for (TheirProgram& each : programs)
    if (each.name == name) each.autoload = autoload, each.bound = true;
}

void read_failure(Fields fields, std::vector<TheirProgram>& programs) {
  const std::string_view name = fields.text();
  for (TheirProgram& each : programs)
    if (each.name == name) each.message = fields.text();
}

}  // namespace

Testimony parse_testimony(std::string_view report) {
  Testimony said;
  while (!report.empty()) {
    const std::string_view line = report.substr(0, report.find('\n'));
    report.remove_prefix(std::min(report.size(), line.size() + 1));
    Fields fields(line);
    const std::string_view what = fields.text();
    if (what == "refused") said.refused = std::string(fields.text()) + ": " + std::string(fields.text());
    if (what == "map") said.maps.push_back(read_map(fields));
    if (what == "inner" && !said.maps.empty())
      said.maps.back().spec.inner = std::make_shared<MapSpec>(read_map(fields).spec);
    if (what == "contents" && !said.maps.empty()) said.maps.back().contents = fields.text();
    if (what == "program") said.programs.push_back(read_program(fields));
    if (what == "load") read_load(fields, said.programs);
    if (what == "value") read_value_size(fields, said.maps);
    if (what == "autoload") read_autoload(fields, said.programs);
    if (what == "failed") read_failure(fields, said.programs);
    if (what == "note") said.note = fields.text();
  }
  return said;
}

}  // namespace skep::referee
