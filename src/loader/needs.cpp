// Copies source lines and names CO-RE relocations.
#include "loader/needs.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace skep::loader {
namespace {

constexpr std::size_t kMaxLineText = 512, kMaxNeedText = 256, kMaxPathSteps = 64;
constexpr std::uint32_t kSlot = 8;

/// enum bpf_core_relo_kind, in libbpf's words.
constexpr std::array<std::string_view, 13> kQuestions = {
    "byte_off",       "byte_sz",     "field_exists", "signed",         "lshift_u64",    "rshift_u64",   "local_type_id",
    "target_type_id", "type_exists", "type_size",    "enumval_exists", "enumval_value", "type_matches",
};
constexpr std::uint32_t kLocalTypeId = 6;

template <class Record>
void group(const std::vector<Record>& records,
           std::unordered_map<std::string_view, std::vector<const Record*>>& groups) {
  for (const Record& record : records) groups[record.section].push_back(&record);
  for (auto& [section, list] : groups)
    std::sort(list.begin(), list.end(), [](const Record* a, const Record* b) {
      return a->insn_bytes != b->insn_bytes ? a->insn_bytes < b->insn_bytes : a < b;
    });
}

/// The records of a function's slots.
template <class Record>
std::span<const Record* const> records_in(const std::vector<const Record*>& records, const Function& function) {
  const auto before = [](const Record* record, std::uint64_t bytes) { return record->insn_bytes < bytes; };
  const std::uint64_t start = std::uint64_t{function.start} * kSlot, bytes = std::uint64_t{function.count} * kSlot;
  const auto begin = std::lower_bound(records.begin(), records.end(), start, before);
  return {begin, std::lower_bound(begin, records.end(), start + bytes, before)};
}

/// The next number of an access path "0:1:2".
std::optional<std::uint32_t> next_index(std::string_view& path) {
  std::uint32_t index = 0;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), index);
  if (error != std::errc{}) return std::nullopt;
  path.remove_prefix(static_cast<std::size_t>(end - path.data()));
  if (path.starts_with(':')) path.remove_prefix(1);
  return index;
}

/// "::pid", "::se.load[2]": the members that a path after its first number leads through.
std::string name_path(const btf::Btf& btf, btf::TypeId id, std::string_view path) {
  std::string text;
  for (std::size_t step = 0; step < kMaxPathSteps && text.size() < kMaxNeedText; ++step) {
    const auto index = next_index(path);
    if (!index) break;
    const btf::Type& type = btf.type(btf.strip(id));
    if (type.kind == btf::Kind::array) {
      text += fmt::format("[{}]", *index);
      id = type.ref;
      continue;
    }
    const auto members = btf.members(type);
    if (*index >= members.size()) break;
    const btf::Member& member = members[*index];
    id = member.type;
    if (member.name.empty()) continue;
    text += text.empty() ? "::" : ".";
    text += member.name.substr(0, kMaxNeedText);
  }
  return text;
}

}  // namespace

std::string name_of_core_relocation(const btf::Btf& btf, const btf::CoreReloc& reloc) {
  const btf::Type& type = btf.type(btf.strip(reloc.type));
  const btf::Type& named = btf.type(reloc.type).name.empty() ? type : btf.type(reloc.type);
  std::string text =
      named.name.empty() ? fmt::format("type {}", reloc.type) : std::string(named.name.substr(0, kMaxNeedText));
  std::string_view path = reloc.access;
  const auto first = next_index(path);
  const auto values = btf.enumerators(type);
  if (first && !values.empty() && *first < values.size())
    text += fmt::format("::{}", values[*first].name.substr(0, kMaxNeedText));
  else if (first)
    text += name_path(btf, reloc.type, path);
  text.resize(std::min(text.size(), kMaxNeedText));
  const std::string_view question =
      reloc.kind < kQuestions.size() ? kQuestions[reloc.kind] : std::string_view("unknown");
  return fmt::format("{} ({})", text, question);
}

Annotations::Annotations(Source& source) : source_(source) {
  group(source.ext.lines, lines_);
  group(source.ext.relocs, relocs_);
}

Result<void> Annotations::need(program::Need need, program::Program& program) {
  need_bytes_ += sizeof need + need.name.size();
  if (need_bytes_ > kMaxTextBytes)
    return fail(ErrorCode::limit, fmt::format("program {}", shown(program.name)),
                fmt::format("the object's needs take more than {} MiB of text", kMaxTextBytes >> 20));
  program.needs.push_back(std::move(need));
  return {};
}

void Annotations::append_lines(const std::vector<const btf::LineInfo*>& lines, const Function& function,
                               std::uint32_t pc, program::Program& program) {
  for (const btf::LineInfo* line : records_in(lines, function)) {
    const std::uint32_t at = pc + line->insn_bytes / kSlot - function.start;
    if (!program.lines.empty() && program.lines.back().pc == at) continue;
    const std::string_view file = line->file.substr(0, kMaxLineText), text = line->text.substr(0, kMaxLineText);
    const std::size_t bytes = sizeof(program::Line) + file.size() + text.size();
    if (line_bytes_ + bytes > kMaxTextBytes) {
      if (line_bytes_ <= kMaxTextBytes)
        source_.notes.add(fmt::format("source lines past {} MiB of text are left out", kMaxTextBytes >> 20));
      line_bytes_ = kMaxTextBytes + 1;
      return;
    }
    line_bytes_ += bytes;
    program.lines.push_back(
        {.pc = at, .line = line->line, .column = line->column, .file = std::string(file), .text = std::string(text)});
  }
}

Result<void> Annotations::append(const CodeSection& section, const Function& function, std::uint32_t pc,
                                 program::Program& program) {
  if (const auto lines = lines_.find(section.name); lines != lines_.end())
    append_lines(lines->second, function, pc, program);
  const auto relocs = relocs_.find(section.name);
  if (relocs == relocs_.end() || source_.btf == nullptr) return {};
  for (const btf::CoreReloc* reloc : records_in(relocs->second, function)) {
    if (reloc->kind == kLocalTypeId) continue;  // the compiler has put the answer into the instruction
    program::Need asked{.kind = program::Need::Kind::core_relocation,
                        .name = name_of_core_relocation(*source_.btf, *reloc),
                        .pc = pc + reloc->insn_bytes / kSlot - function.start};
    if (auto done = need(std::move(asked), program); !done) return done;
  }
  return {};
}

}  // namespace skep::loader
