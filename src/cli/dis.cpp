// skep dis: a program's instructions with what they mean beside them: source lines, maps, helpers, functions.
#include <fmt/format.h>

#include "cli/exit_code.hpp"
#include "cli/input.hpp"
#include "cli/machine_text.hpp"
#include "cli/native_listing.hpp"
#include "cli/object_facts.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "isa/table.hpp"

namespace skep::cli {
namespace {

constexpr std::size_t kCommentColumn = 36;  // characters of instruction before comments line up

class Listing {
 public:
  /// `native`: what the program was compiled to, or null.
  Listing(const loader::ObjectSpec& object, const program::Program& program, const DisOptions& options,
          const NativeListing* native = nullptr)
      : object_(object), program_(program), options_(options), native_(native), paint_(Paint::for_stdout()) {}

  void print();

 private:
  void print_heading(const program::Subprog& subprog);
  void print_source(std::uint32_t pc);
  void print_insn(std::uint32_t pc, bool wide);
  [[nodiscard]] std::string comment(std::uint32_t pc) const;
  [[nodiscard]] std::string map_comment(const Insn& insn, std::uint32_t offset, bool value) const;
  [[nodiscard]] std::string function_at(std::int64_t pc) const;

  const loader::ObjectSpec& object_;
  const program::Program& program_;
  const DisOptions& options_;
  const NativeListing* native_;
  Paint paint_;
  const program::Line* last_line_ = nullptr;
};

void Listing::print() {
  fmt::print("{}\n", paint_(Tone::strong,
                            fmt::format("{}: {}, section {}, {} instruction slots", printable(program_.name),
                                        name_of(program_.type), printable(program_.section), program_.insns.size())));
  if (native_ != nullptr) {
    native_->print_heading();
    native_->print_entry();
  }
  std::size_t next_subprog = 0;
  for (std::uint32_t pc = 0; pc < program_.insns.size(); ++pc) {
    while (next_subprog < program_.subprogs.size() && program_.subprogs[next_subprog].start <= pc)
      print_heading(program_.subprogs[next_subprog++]);
    print_source(pc);
    const unsigned form = isa::find_form(program_.insns[pc]);
    const bool wide = form != isa::kFormCount && isa::info(static_cast<isa::Form>(form)).wide();
    print_insn(pc, wide);
    if (native_ != nullptr) native_->print_insn(pc);
    if (wide) ++pc;
  }
  if (native_ != nullptr) native_->print_rest();
}

void Listing::print_heading(const program::Subprog& subprog) {
  last_line_ = nullptr;
  fmt::print("\n{}\n", paint_(Tone::strong, printable(subprog.name) + ":"));
  if (native_ != nullptr) native_->print_prologue(subprog.start);
}

void Listing::print_source(std::uint32_t pc) {
  const program::Line* line = program_.line_at(pc);
  if (line == nullptr || line == last_line_) return;
  const bool repeated = last_line_ != nullptr && last_line_->line == line->line && last_line_->file == line->file;
  last_line_ = line;
  if (repeated) return;
  const auto text = line->text.find_first_not_of(" \t");
  fmt::print("{}\n",
             paint_(Tone::faint, fmt::format("; {}:{}  {}", printable(file_name(std::string(line->file))), line->line,
                                             text == std::string::npos ? "" : printable(line->text.substr(text)))));
}

void Listing::print_insn(std::uint32_t pc, bool wide) {
  const std::string insn = isa::disassemble(program_.insns, pc, options_.style);
  const auto slots = std::span(program_.insns).subspan(pc, wide ? 2 : 1);
  std::string text = fmt::format("{:6}:  ", pc);
  if (options_.bytes) text += fmt::format("{:<49}", format_hex(std::as_bytes(slots)));
  text += insn;
  const std::string note = comment(pc);
  if (!note.empty()) {
    text.append(insn.size() < kCommentColumn ? kCommentColumn - insn.size() : 1, ' ');
    text += paint_(Tone::note, "; " + note);
  }
  fmt::print("{}\n", text);
}

std::string Listing::map_comment(const Insn& insn, std::uint32_t offset, bool value) const {
  const auto index = static_cast<std::uint32_t>(insn.imm);
  if (index >= object_.maps.size()) return fmt::format("map {}", index);
  const loader::MapDef& def = object_.maps[index];
  if (!value) return fmt::format("map {}", printable(def.spec.name));
  const loader::GlobalVar* variable = variable_at(def, offset);
  if (variable == nullptr) return fmt::format("{} + {}", printable(def.spec.name), offset);
  const std::uint32_t inside = offset - variable->offset;
  const std::string place = inside == 0 ? "" : fmt::format(" + {}", inside);
  return fmt::format("{} {}{}", printable(def.spec.name), printable(variable->name), place);
}

std::string Listing::function_at(std::int64_t pc) const {
  const auto* subprog = pc < 0 ? nullptr : program_.subprog_at(static_cast<std::uint32_t>(pc));
  return subprog == nullptr ? fmt::format("insn {}", pc) : printable(subprog->name);
}

std::string Listing::comment(std::uint32_t pc) const {
  const Insn& insn = program_.insns[pc];
  const unsigned found = isa::find_form(insn);
  if (found == isa::kFormCount) return {};
  const auto form = static_cast<isa::Form>(found);
  const isa::FormInfo& info = isa::info(form);
  const std::int64_t target = isa::jump_target(insn, info, pc);
  if (const program::Poison* poison = program_.poison_at(pc)) return "unresolved " + printable(poison->what);
  if (form == isa::Form::call_helper) return "call " + helper_name(static_cast<std::uint32_t>(insn.imm));
  if (form == isa::Form::call_subprog) return "call " + function_at(target);
  if (form == isa::Form::lddw_func) return "function " + function_at(target);
  if (info.wide() && pc + 1 < program_.insns.size()) {
    if (form == isa::Form::lddw_map) return map_comment(insn, 0, false);
    if (form == isa::Form::lddw_map_value)
      return map_comment(insn, static_cast<std::uint32_t>(program_.insns[pc + 1].imm), true);
  }
  for (const program::Need& need : program_.needs)
    if (need.pc == pc) return "needs " + printable(need.name);
  return info.has_target() ? fmt::format("to {}", target) : std::string();
}

/// The instructions of one program or of all, as they lie in the file.
int list_insns(const DisOptions& options) {
  const auto object = open_spec(options.object, options.btf);
  if (!object) return give_up(object.error());
  if (!options.program.empty()) {
    const auto program = choose_program(*object, options.program);
    if (!program) return give_up(program.error());
    Listing(*object, **program, options).print();
    return exit_ok;
  }
  if (object->programs.empty()) return give_up(exit_usage, object->name + ": holds no program");
  bool first = true;
  for (const auto& program : object->programs) {
    if (!std::exchange(first, false)) fmt::print("\n");
    Listing(*object, *program, options).print();
  }
  return exit_ok;
}

/// The same with machine code: programs are built for that, and their maps made. Those that have none are named.
int list_code(const DisOptions& options) {
  const auto bytes = read_input(options.object);
  if (!bytes) return give_up(bytes.error());
  ObjectOptions open;
  if (options.btf) open.target_btf = *options.btf;
  const auto object = Object::load(*bytes, file_name(options.object), open);
  if (!object) return give_up(object.error());
  if (!options.program.empty())
    if (const auto known = choose_program(object->spec(), options.program); !known) return give_up(known.error());
  if (object->programs().empty()) return give_up(exit_usage, object->name() + ": holds no program");
  bool first = true;
  int code = exit_ok;
  for (const Program& program : object->programs()) {
    if (!options.program.empty() && program.name() != options.program) continue;
    const auto native = NativeListing::make(program, options, Paint::for_stdout());
    if (!native) {
      code = give_up(exit_code(native.error()), program.name() + ": " + native.error().message());
      continue;
    }
    if (!std::exchange(first, false)) fmt::print("\n");
    Listing(object->spec(), *program.data(), options, &*native).print();
  }
  return code;
}

}  // namespace

int dis(const DisOptions& options) {
  if (options.jit == DisOptions::Jit::no) return list_insns(options);
  if (options.jit == DisOptions::Jit::text && !has_machine_text())
    return give_up(exit_usage,
                   "--jit: this command was built without libcapstone, which takes machine code apart; "
                   "--jit=raw shows its bytes");
  return list_code(options);
}

}  // namespace skep::cli
