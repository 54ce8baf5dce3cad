// Runs libbpf up to its programs and compares instructions.
#include "support/libbpf_referee.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <map>

#include "loader/target_btf.hpp"
#include "support/tools.hpp"

namespace skep::referee {
namespace {

std::string* sink = nullptr;  // libbpf's printer takes no argument of ours

int remember(libbpf_print_level level, const char* format, va_list args) {
  if (level == LIBBPF_DEBUG || sink == nullptr) return 0;
  char line[512];
  std::vsnprintf(line, sizeof line, format, args);
  *sink += line;
  return 0;
}

/// True when instructions are the same but for what libbpf knows and skep does not: maps have descriptors there, which
/// must lead to one index each, and symbols without a type have addresses, which are needs here.
bool same_insns(const program::Program& ours, const bpf_insn* insns, std::size_t count, std::map<int, int>& index_of) {
  if (count != ours.insns.size()) return false;
  std::vector<Insn> theirs(count);
  std::memcpy(static_cast<void*>(theirs.data()), insns, count * sizeof(Insn));
  for (std::size_t pc = 0; pc < count; ++pc) {
    if (theirs[pc].opcode != 0x18) continue;
    if (theirs[pc].src == 1 || theirs[pc].src == 2)
      theirs[pc].imm = index_of.try_emplace(theirs[pc].imm, ours.insns[pc].imm).first->second;
    ++pc;
  }
  for (const program::Need& need : ours.needs) {
    const bool typeless = need.kind == program::Need::Kind::ksym && ours.insns[need.pc].src == 0;
    if (need.kind != program::Need::Kind::core_relocation && !typeless) continue;
    theirs[need.pc] = ours.insns[need.pc];
    if (theirs[need.pc].opcode == 0x18) theirs[need.pc + 1] = ours.insns[need.pc + 1];
  }
  for (std::size_t pc = 0; pc < count; ++pc)
    if (theirs[pc] != ours.insns[pc]) {
      MESSAGE(ours.name, " insn ", pc, ": ", int{ours.insns[pc].opcode}, " off ", ours.insns[pc].off, " imm ",
              ours.insns[pc].imm, ", libbpf: ", int{theirs[pc].opcode}, " off ", theirs[pc].off, " imm ",
              theirs[pc].imm);
      return false;
    }
  return true;
}

}  // namespace

Theirs::Theirs(const objects::Image& image, const char* types, const char* kconfig) {
  sink = &messages_;
  libbpf_set_print(remember);
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.object_name = "referee";
  options.btf_custom_path = types;
  options.kconfig = kconfig;
  object_.reset(bpf_object__open_mem(image.data(), image.size(), &options));
  if (object_ != nullptr) {
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object_.get()) {
      bpf_program__set_autoload(program, true);
      bpf_program__set_type(program, BPF_PROG_TYPE_UNSPEC);
    }
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object_.get()) {
      bpf_map__set_pin_path(map, nullptr);
      // As the tools do before loading.
      if (bpf_map__max_entries(map) == 0) bpf_map__set_max_entries(map, 8);
      if (bpf_map__type(map) == BPF_MAP_TYPE_STACK_TRACE) bpf_map__set_value_size(map, 8);
    }
    bpf_object__load(object_.get());
    relocated_ = messages_.find("missing BPF prog type") != std::string::npos;
  }
  sink = nullptr;
}

bool needs_core(const program::Program& program) {
  return std::any_of(program.needs.begin(), program.needs.end(),
                     [](const program::Need& need) { return need.kind == program::Need::Kind::core_relocation; });
}

void compare(const loader::ObjectSpec& ours, const Theirs& theirs, Tally& tally) {
  std::map<int, int> index_of;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, theirs.get()) {
    const program::Program* mine = objects::program(ours, bpf_program__name(program));
    REQUIRE(mine != nullptr);
    tally.poisoned += mine->poisons.size();
    if (needs_core(*mine)) {
      ++tally.refused;
      MESSAGE(ours.name, ": ", mine->name, " needs ", mine->needs[0].name);
    } else if (same_insns(*mine, bpf_program__insns(program), bpf_program__insn_cnt(program), index_of)) {
      ++tally.equal;
    } else {
      ++tally.different;
      MESSAGE(ours.name, ": ", mine->name, " differs");
    }
  }
}

Types parse_types(const std::string& path) {
  const auto bytes = tools::read_file(path);
  if (!bytes) return nullptr;
  auto types = loader::parse_target_btf(*bytes, path);
  REQUIRE_MESSAGE(types.has_value(), types.error().message());
  return *types;
}

Result<loader::ObjectSpec> open_ours(const objects::Image& image, const std::string& name, const Types& types) {
  return loader::parse_object(image, name, [&types]() -> Result<Types> { return types; });
}

std::string_view bytes_of(const objects::Image& image) {
  return {reinterpret_cast<const char*>(image.data()), image.size()};
}

}  // namespace skep::referee
