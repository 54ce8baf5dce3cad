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
constexpr std::uint64_t kNameSlack = 16u << 20;
constexpr std::size_t kMaxSectionVars = 0xffff;

std::uint64_t total_bytes(std::span<const Input> inputs) {
  std::uint64_t total = 0;
  for (const Input& input : inputs) total += input.input_bytes;
  return total;
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
      : inputs_(inputs), sections_(sections), symbols_(symbols), graph_(total_bytes(inputs) + kNameSlack) {}

  Result<btf::Graph::Written> run();

 private:
  Result<void> collect_types();
  void collect_globals();
  Result<void> collect_sections();
  Result<void> add_datasec(std::size_t input, const btf::Type& datasec);
  [[nodiscard]] Result<bool> place(std::size_t input, const Datasec& out, btf::SectionVar& var) const;
  void add_datasecs();
  void merge();
  Result<btf::BtfExt> collect_records() const;
  template <class Record>
  Result<std::vector<Record>> collect(std::vector<Record> btf::BtfExt::*table) const;
  [[nodiscard]] Result<void> check(const btf::Graph::Written& written) const;

  /// The graph's id of an input's type.
  [[nodiscard]] TypeId in_graph(std::size_t input, TypeId id) const { return id == 0 ? 0 : firsts_[input] + id - 1; }
  void rename(std::size_t input, btf::FuncInfo& record) const { record.type = final_[in_graph(input, record.type)]; }
  void rename(std::size_t, btf::LineInfo&) const {}
  void rename(std::size_t input, btf::CoreReloc& record) const { record.type = final_[in_graph(input, record.type)]; }

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
  for (const Input& input : inputs_) {
    firsts_.push_back(input.btf == nullptr ? 0 : graph_.add_all(*input.btf));
    if (graph_.full()) return fail(ErrorCode::limit, input.name, "names of types take more bytes than the inputs have");
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
    if (*placed) out.vars.push_back(var);
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
  final_ = graph_.replace(to_);
  const auto second = graph_.replace(btf::find_duplicates(graph_));
  for (TypeId& id : final_) id = second[id];
}

/// All inputs' records of one kind, in terms of the result, those of one section together.
template <class Record>
Result<std::vector<Record>> Merge::collect(std::vector<Record> btf::BtfExt::*table) const {
  std::vector<std::vector<Record>> by_section(sections_.size());
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    for (Record record : inputs_[i].ext.*table) {
      const Input& input = inputs_[i];
      const auto found = input.sections.find(record.section);
      if (found == input.sections.end() || record.insn_bytes >= input.file.sections[found->second].size)
        return fail(ErrorCode::malformed, input.where("section", record.section),
                    fmt::format("has no instruction at byte {}, of which .BTF.ext tells", record.insn_bytes));
      const Place& here = input.places[found->second];
      if (here.shared) continue;
      record.section = sections_[here.section].name;
      record.insn_bytes += static_cast<std::uint32_t>(here.offset);
      rename(i, record);
      by_section[here.section].push_back(record);
    }
  std::vector<Record> all;
  for (const auto& records : by_section) all.insert(all.end(), records.begin(), records.end());
  return all;
}

Result<btf::BtfExt> Merge::collect_records() const {
  auto funcs = collect(&btf::BtfExt::funcs);
  if (!funcs) return fail(std::move(funcs).error());
  auto lines = collect(&btf::BtfExt::lines);
  if (!lines) return fail(std::move(lines).error());
  auto relocs = collect(&btf::BtfExt::relocs);
  if (!relocs) return fail(std::move(relocs).error());
  return btf::BtfExt{.funcs = *std::move(funcs), .lines = *std::move(lines), .relocs = *std::move(relocs)};
}

/// Inputs can be sound and their sum be none, when types that one only declares contain each other.
Result<void> Merge::check(const btf::Graph::Written& written) const {
  const auto parsed = btf::Btf::parse(written.types);
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
  const auto records = collect_records();
  if (!records) return fail(records.error());
  auto written = graph_.write(*records);
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
