// Programs as applications see them, and programs out of raw instructions.
#include <skep/object.hpp>

#include "api/object_data.hpp"
#include "isa/table.hpp"

namespace skep {

Result<Program> Program::from_insns(std::span<const Insn> insns, ProgType type, std::span<const Map> maps,
                                    std::string_view license) {
  if (auto ok = isa::check(insns); !ok) return fail(std::move(ok).error());
  auto program = std::make_shared<program::Program>();
  program->name = "program";
  program->type = type;
  program->license = license;
  program->insns.assign(insns.begin(), insns.end());
  program->subprogs.push_back({"program", 0, static_cast<std::uint32_t>(insns.size())});
  auto owner = std::make_shared<ObjectData>();
  owner->spec.name = "program";
  owner->spec.programs.push_back(program);
  owner->maps.assign(maps.begin(), maps.end());
  owner->host = make_process_host();
  return Program(std::move(owner), std::move(program));
}

const std::string& Program::name() const { return program_->name; }
const std::string& Program::section() const { return program_->section; }
ProgType Program::type() const { return program_->type; }
bool Program::autoload() const { return program_->autoload; }
std::span<const Insn> Program::insns() const { return program_->insns; }
std::span<const Map> Program::maps() const { return owner_->maps; }

std::string Program::source_at(std::uint32_t pc) const { return program_->source_at(pc); }

std::vector<std::string> Program::needs() const { return program_->need_names(); }

}  // namespace skep
