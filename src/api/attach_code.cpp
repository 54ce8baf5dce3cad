// What is guarded counts its instructions, for it may be anything; what was proven does so on request. Where the JIT is
// only preferred, an image that it cannot compile is left to the interpreter.
#include "api/attach_code.hpp"

#include "jit/code_news.hpp"
#include "jit/compile.hpp"
#include "vm/fuse.hpp"
#include "vm/ready.hpp"

namespace skep {
namespace {

Result<void> leave_to_interpreter(lower::Image& image) {
  vm::find_ready(image);
  vm::fuse(image);
  return {};
}

}  // namespace

Result<void> attach_code(lower::Image& image, const BuildOptions& options, Trust trust, bool ends_soon) {
  if (options.engine == Engine::interpreter) return leave_to_interpreter(image);
  // What ends by itself need not be asked whether it is to stop; where it loops long, in callbacks and by may_goto, it
  // is asked there.
  const bool metered = image.guarded || options.metered;
  // Unguarded programs without a proof are trusted as if they were linked in.
  const bool untrusted = trust == Trust::unproven ? image.guarded : trust == Trust::unprivileged;
  const bool seen = !options.seen_by.empty();
  auto code = jit::compile(image, {.metered = metered,
                                   .polls = !metered && !ends_soon,
                                   .keep_map = options.keep_code_map || seen,
                                   .sealed = options.sealed && !seen,
                                   .blind = options.blind.value_or(untrusted),
                                   .random_start = options.blind.value_or(true)});
  if (!code && options.engine != Engine::jit) return leave_to_interpreter(image);
  auto shown = code.and_then([&](auto& native) { return jit::show(std::move(native), image, options.seen_by); });
  if (!shown) return fail(std::move(shown).error());
  image.native = std::move(*shown);
  return {};
}

}  // namespace skep
