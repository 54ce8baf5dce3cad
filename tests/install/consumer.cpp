// The smallest thing that needs all of an installed skep: headers, library, and what the library links.
#include <array>
#include <cstdio>

#include <skep/skep.hpp>

int main() {
  const std::array insns{skep::Insn(0xb7, 0, 0, 0, 42), skep::Insn(0x95, 0, 0, 0, 0)};  // r0 = 42; exit
  const auto program = skep::Program::from_insns(insns);
  const auto executable = program ? skep::Executable::build(*program) : tl::unexpected(program.error());
  if (!executable) return std::puts(executable.error().message().c_str()), 1;
  skep::RawContext context;
  std::printf("%llu\n", static_cast<unsigned long long>(executable->run(context).value));
}
