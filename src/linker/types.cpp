// All inputs' types in one graph; then declarations of a global give way to the one that counts, sections of variables
// to merged ones, and duplicates to the first of them.
//
// Ids are followed through three stages: an input's own, those of the graph that holds all, those of the result.
#include "linker/types.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>

#include "btf/dedup.hpp"

namespace skep::linker {
namespace {

using btf::Kind;
using btf::TypeId;

constexpr std::uint32_t kNoGlobal = 0xffffffff;
constexpr std::uint32_t kGlobal = 1, kExtern = 2;  // linkage of variables and functions
constexpr std::uint64_t kMostNameBytes = 8u << 20;
constexpr std::size_t kMaxSectionVars = 0xffff;

tl::unexpected<Error> names_too_long() {
  return fail(ErrorCode::limit, "link",
              fmt::format("names of types and source lines take more than {} MiB", kMostNameBytes >> 20));
}

/// The variables of one section of the result. Their ids are the graph's.
struct Datasec {
  std::string_view name;
  std::uint64_t bytes = 0;
  std::vector<btf::SectionVar> vars;
};

class Merge {
 public:
  Merge(std::span<const Input> inputs, std::span<const OutSection> sections, const Symbols& symbols)
      : inputs_(inputs), sections_(sections), symbols_(symbols), graph_(kMostNameBytes) {}

  Result<btf::Graph::Written> run();

 private:
  Result<void> collect_types();
  void collect_globals();
  Result<void> collect_sections();
  Result<void> add_datasec(std::size_t input, const btf::Type& datasec);
  [[nodiscard]] bool is_left_out(std::size_t input, std::string_view name, TypeId var) const;
  [[nodiscard]] Result<bool> place(std::size_t input, const Datasec& out, btf::SectionVar& var) const;
  void add_datasecs();
  void merge();
  Result<btf::Graph::Tables> collect_records();
  template <class Record, class Take>
  Result<void> each_record(btf::Records<Record> btf::BtfExt::*table, Take take) const;
  template <class Record>
  Result<std::vector<btf::Graph::Block>> collect(btf::Records<Record> btf::BtfExt::*table, std::size_t record_words);
  [[nodiscard]] Result<void> check(const btf::Graph::Written& written) const;

  /// The graph's id of an input's type.
  [[nodiscard]] TypeId in_graph(std::size_t input, TypeId id) const { return id == 0 ? 0 : firsts_[input] + id - 1; }
  void append(btf::Graph::Block& block, std::size_t input, const btf::FuncInfo& record);
  void append(btf::Graph::Block& block, std::size_t input, const btf::LineInfo& record);
  void append(btf::Graph::Block& block, std::size_t input, const btf::CoreReloc& record);

  std::span<const Input> inputs_;
  std::span<const OutSection> sections_;
  const Symbols& symbols_;
  btf::Graph graph_;
  std::vector<TypeId> firsts_;                         ///< by input: where its types begin in the graph
  std::vector<TypeId> to_;                             ///< by the graph's id: what takes its place
  std::vector<std::vector<std::uint32_t>> global_of_;  ///< by input and its type: the global it declares
  std::vector<Datasec> datasecs_;                      ///< in the order in which their names turn up
  std::unordered_map<std::string_view, std::size_t> datasec_of_;
  std::vector<TypeId> final_;  ///< by the graph's id at first: the result's
};

Result<void> Merge::collect_types() {
  std::size_t types = 0, bytes = 0;
  for (const Input& input : inputs_) {
    types += input.btf == nullptr ? 0 : input.btf->size();
    bytes += input.btf == nullptr ? 0 : input.btf->record_bytes();
  }
  graph_.reserve(types, bytes);
  for (const Input& input : inputs_) {
    firsts_.push_back(input.btf == nullptr ? 0 : graph_.add_all(*input.btf));
    if (graph_.full()) return names_too_long();
  }
  to_.resize(graph_.size());
  std::iota(to_.begin(), to_.end(), 0);
  for (TypeId id = 1; id < graph_.size(); ++id)
    if (graph_.kind(id) == Kind::datasec) to_[id] = btf::Graph::kDropped;
  return {};
}

void Merge::collect_globals() {
  for (const Input& input : inputs_) global_of_.emplace_back(input.btf == nullptr ? 0 : input.btf->size(), kNoGlobal);
  for (const Occurrence& each : symbols_.occurrences) {
    const Global& global = symbols_.globals[each.global];
    if (each.type == 0) continue;
    global_of_[each.input][each.type] = each.global;
    if (global.declared.type == 0) continue;
    to_[in_graph(each.input, each.type)] = in_graph(global.input, global.declared.type);
  }
}

/// Sets where a variable lies in the result; false when it is not part of it.
Result<bool> Merge::place(std::size_t index, const Datasec& out, btf::SectionVar& var) const {
  const Input& input = inputs_[index];
  const btf::Type& type = input.btf->type(var.var);
  const auto refuse = [&](std::string what) {
    return fail(ErrorCode::malformed, input.where("symbol", type.name), std::move(what));
  };
  const auto section = input.sections.find(out.name);
  const Place here = section == input.sections.end() ? Place{} : input.places[section->second];
  const std::uint32_t number = global_of_[index][var.var];
  std::uint64_t offset = var.offset + here.offset;
  if (number != kNoGlobal) {
    const Global& global = symbols_.globals[number];
    if (global.input != index || global.declared.type != var.var) return false;
    const bool in_section = global.out_section != 0 && global.out_section <= sections_.size();
    if (global.defined && (!in_section || sections_[global.out_section - 1].name != out.name))
      return refuse(fmt::format("is not in section {}, where BTF puts it", shown(out.name)));
    offset = global.defined ? global.value : var.offset;
  } else if (here.shared || type.linkage == kExtern) {
    return false;
  } else if (type.linkage == kGlobal) {
    return refuse("is in BTF, but not among the symbols");
  }
  if (offset > UINT32_MAX) return refuse(fmt::format("lies at byte {} of its section", offset));
  var = {in_graph(index, var.var), static_cast<std::uint32_t>(offset), var.size};
  return true;
}

/// True for a variable of a section that all inputs share, of which the first one's stays, that has no counterpart
/// there.
bool Merge::is_left_out(std::size_t input, std::string_view name, TypeId var) const {
  const auto section = inputs_[input].sections.find(name);
  return section != inputs_[input].sections.end() && inputs_[input].places[section->second].shared &&
         global_of_[input][var] == kNoGlobal;
}

Result<void> Merge::add_datasec(std::size_t input, const btf::Type& datasec) {
  if (datasec.name == ".extern") return {};  // where clang collects what has no section
  const auto [known, is_new] = datasec_of_.try_emplace(datasec.name, datasecs_.size());
  if (is_new) datasecs_.push_back({.name = datasec.name});
  Datasec& out = datasecs_[known->second];
  const auto section = inputs_[input].sections.find(datasec.name);
  if (section != inputs_[input].sections.end()) {
    const OutSection& placed = sections_[inputs_[input].places[section->second].section];
    out.bytes = placed.size;
  }
  for (btf::SectionVar var : inputs_[input].btf->section_vars(datasec)) {
    const auto placed = place(input, out, var);
    if (!placed) return fail(placed.error());
    if (*placed)
      out.vars.push_back(var);
    else if (is_left_out(input, datasec.name, var.var))
      to_[in_graph(input, var.var)] = btf::Graph::kDropped;
  }
  if (out.vars.size() <= kMaxSectionVars) return {};
  return fail(ErrorCode::limit, inputs_[input].where("section", out.name),
              fmt::format("{} variables, BTF can describe {}", out.vars.size(), kMaxSectionVars));
}

Result<void> Merge::collect_sections() {
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].btf == nullptr) continue;
    for (TypeId id = 1; id < inputs_[i].btf->size(); ++id) {
      const btf::Type& type = inputs_[i].btf->type(id);
      if (type.kind != Kind::datasec) continue;
      if (auto done = add_datasec(i, type); !done) return done;
    }
  }
  return {};
}

void Merge::add_datasecs() {
  for (Datasec& each : datasecs_) {
    std::sort(each.vars.begin(), each.vars.end(),
              [](const auto& a, const auto& b) { return std::tie(a.offset, a.var) < std::tie(b.offset, b.var); });
    to_.push_back(graph_.add_section(each.name, static_cast<std::uint32_t>(each.bytes), each.vars));
  }
}

void Merge::merge() {
  for (TypeId id = 1; id < graph_.size(); ++id)
    if (graph_.kind(id) == Kind::decl_tag && to_[graph_.words(id)[2]] == btf::Graph::kDropped)
      to_[id] = btf::Graph::kDropped;
  final_ = graph_.replace(to_);
  const auto second = graph_.replace(btf::find_duplicates(graph_));
  for (TypeId& id : final_) id = second[id];
}

/// The words of a record in terms of the result.
void Merge::append(btf::Graph::Block& block, std::size_t input, const btf::FuncInfo& record) {
  block.words.insert(block.words.end(), {record.insn_bytes, final_[in_graph(input, record.type)]});
}
void Merge::append(btf::Graph::Block& block, std::size_t, const btf::LineInfo& record) {
  block.words.insert(block.words.end(), {record.insn_bytes, graph_.add_name(record.file), graph_.add_name(record.text),
                                         record.line << 10 | record.column});
}
void Merge::append(btf::Graph::Block& block, std::size_t input, const btf::CoreReloc& record) {
  block.words.insert(block.words.end(), {record.insn_bytes, final_[in_graph(input, record.type)],
                                         graph_.add_name(record.access), record.kind});
}

/// Calls `take(input, section of the result, record)` with all inputs' records of one kind.
template <class Record, class Take>
Result<void> Merge::each_record(btf::Records<Record> btf::BtfExt::*table, Take take) const {
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    for (Record record : inputs_[i].ext.*table) {
      const Input& input = inputs_[i];
      const auto found = input.sections.find(record.section);
      if (found == input.sections.end() || record.insn_bytes >= input.file.sections[found->second].size)
        return fail(ErrorCode::malformed, input.where("section", record.section),
                    fmt::format("has no instruction at byte {}, of which .BTF.ext tells", record.insn_bytes));
      const Place& here = input.places[found->second];
      if (here.shared) continue;
      record.insn_bytes += static_cast<std::uint32_t>(here.offset);
      take(i, here.section, record);
    }
  return {};
}

/// All inputs' records of one kind, those of one section together. Counted first, so that no room is left over.
template <class Record>
Result<std::vector<btf::Graph::Block>> Merge::collect(btf::Records<Record> btf::BtfExt::*table,
                                                      std::size_t record_words) {
  std::vector<std::size_t> counts(sections_.size());
  auto counted = each_record(table, [&](std::size_t, std::uint32_t section, const Record&) { ++counts[section]; });
  if (!counted) return fail(std::move(counted).error());
  std::vector<btf::Graph::Block> blocks;
  std::vector<std::size_t> block_of(sections_.size());
  for (std::size_t section = 0; section < sections_.size(); ++section) {
    if (counts[section] == 0) continue;
    block_of[section] = blocks.size();
    blocks.push_back({.section = sections_[section].name, .words = {}});
    blocks.back().words.reserve(counts[section] * record_words);
  }
  auto taken = each_record(table, [&](std::size_t input, std::uint32_t section, const Record& record) {
    append(blocks[block_of[section]], input, record);
  });
  if (!taken) return fail(std::move(taken).error());
  return blocks;
}

Result<btf::Graph::Tables> Merge::collect_records() {
  constexpr std::size_t kFuncWords = 2, kLineWords = 4, kRelocWords = 4;
  auto funcs = collect(&btf::BtfExt::funcs, kFuncWords);
  if (!funcs) return fail(std::move(funcs).error());
  auto lines = collect(&btf::BtfExt::lines, kLineWords);
  if (!lines) return fail(std::move(lines).error());
  auto relocs = collect(&btf::BtfExt::relocs, kRelocWords);
  if (!relocs) return fail(std::move(relocs).error());
  if (graph_.full()) return names_too_long();
  return btf::Graph::Tables{.funcs = *std::move(funcs), .lines = *std::move(lines), .relocs = *std::move(relocs)};
}

/// Inputs can be sound and their sum be none, when types that one only declares contain each other.
Result<void> Merge::check(const btf::Graph::Written& written) const {
  const auto parsed = btf::Btf::parse_in_place(written.types, kept_elsewhere(written.types));
  if (!parsed) return fail(ErrorCode::malformed, "link", "types do not fit together, " + parsed.error().message());
  if (written.ext.empty()) return {};
  const auto records = btf::BtfExt::parse(written.ext, **parsed);
  if (!records) return fail(ErrorCode::malformed, "link", "types do not fit together, " + records.error().message());
  return {};
}

Result<btf::Graph::Written> Merge::run() {
  if (auto done = collect_types(); !done) return fail(std::move(done).error());
  if (graph_.size() == 1) return btf::Graph::Written{};
  collect_globals();
  if (auto done = collect_sections(); !done) return fail(std::move(done).error());
  add_datasecs();
  merge();
  auto records = collect_records();
  if (!records) return fail(std::move(records).error());
  auto written = std::move(graph_).write(*std::move(records));
  if (!written) return written;
  if (auto done = check(*written); !done) return fail(std::move(done).error());
  return written;
}

}  // namespace

Result<btf::Graph::Written> merge_types(std::span<const Input> inputs, std::span<const OutSection> sections,
                                        const Symbols& symbols) {
  return Merge(inputs, sections, symbols).run();
}

}  // namespace skep::linker
