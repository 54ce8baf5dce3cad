// skep plugin: one program, one memory, r0 in hex, as the public bpf_conformance runner asks for it.
//
// Protocol (https://github.com/Alan-Jowett/bpf_conformance): the program comes as hex bytes on standard input or after
// --program, the memory as the positional argument; r0 goes to standard output in base 16 without prefix. Programs run
// guarded: nobody has proved them safe.
#include <cstring>

#include <fmt/format.h>

#include "cli/exit_code.hpp"
#include "cli/input.hpp"
#include "cli/verbs.hpp"

namespace skep::cli {
namespace {

Result<Program> program_of(std::span<const std::byte> bytes, bool elf, const std::shared_ptr<Host>& host) {
  if (elf) {
    ObjectOptions options;
    options.host = host;
    const auto object = Object::load(bytes, "program", options);
    if (!object) return fail(object.error());
    const auto programs = object->programs();
    if (programs.empty()) return fail(ErrorCode::invalid, "program", "the object holds none");
    return programs.front();
  }
  if (bytes.size() % sizeof(Insn) != 0)
    return fail(ErrorCode::malformed, "program", fmt::format("{} bytes, needs a multiple of 8", bytes.size()));
  std::vector<Insn> insns(bytes.size() / sizeof(Insn));
  if (!insns.empty()) std::memcpy(static_cast<void*>(insns.data()), bytes.data(), bytes.size());
  return Program::from_insns(insns);
}

}  // namespace

int plugin(const PluginOptions& options) {
  auto text = options.program ? Result<std::string>(*options.program) : read_text("-");
  if (!text) return give_up(text.error());
  const auto bytes = parse_hex(*text);
  if (!bytes) return give_up(exit_input, "program: " + bytes.error().message());
  auto memory = parse_hex(options.memory);
  if (!memory) return give_up(exit_input, "memory: " + memory.error().message());

  const auto host = make_process_host();
  const auto program = program_of(*bytes, options.elf, host);
  if (!program) return give_up(exit_refused, program.error().message());
  BuildOptions build;
  build.host = host;
  const auto executable = Executable::build(*program, build);
  if (!executable) return give_up(exit_refused, executable.error().message());
  if (options.debug)
    fmt::print(stderr, "skep: {} instruction slots, {} bytes of memory\n", program->insns().size(), memory->size());

  RawContext raw{std::span<std::byte>(*memory)};
  std::optional<XdpPacket> packet;
  if (program->type() == ProgType::xdp) packet.emplace(*memory);
  const RunResult result = executable->run(packet ? static_cast<Context&>(*packet) : raw);
  if (!result.ok()) return give_up(exit_fault, executable->explain(result.fault));
  fmt::print("{:x}\n", result.value);
  return exit_ok;
}

}  // namespace skep::cli
