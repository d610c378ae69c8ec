
// Hear it from where one clicks; the line and the word move along.
const audio = document.getElementById("audio");
const stage = document.getElementById("stage");
const head = document.getElementById("head");
const length = Number(stage.dataset.duration);
const words = [...document.querySelectorAll(".spoken")];
const playFrom = (seconds) => {
  audio.currentTime = Math.max(0, Math.min(seconds, length));
  audio.play().catch(() => say("This browser does not play the sound"));
};
document.addEventListener("click", (event) => {
  const at = event.target.closest("[data-at]");
  if (at) { playFrom(Number(at.dataset.at)); return; }
  if (!stage.contains(event.target)) return;
  const line = stage.querySelector(".turns").getBoundingClientRect();
  const share = (event.clientX - line.left) / line.width;
  if (share >= 0 && share <= 1) playFrom(share * length);
});
const follow = () => {
  const now = audio.currentTime;
  const line = stage.querySelector(".turns").getBoundingClientRect();
  head.hidden = audio.paused && now === 0;
  head.style.left = `${line.left - stage.getBoundingClientRect().left + line.width * now / length}px`;
  for (const word of words) word.classList.toggle("now", !audio.paused && now >= Number(word.dataset.at) && now < Number(word.dataset.end));
  if (!audio.paused) requestAnimationFrame(follow);
};
for (const name of ["play", "pause", "seeked", "ended"]) audio.addEventListener(name, follow);
