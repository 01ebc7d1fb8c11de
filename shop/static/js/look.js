/* Columns and density: the server keeps them, and the list that is open follows without being written anew. */
document.addEventListener("look", ({ detail: { density, hide } }) => {
  const list = document.getElementById("queue-body");
  list.dataset.density = density;
  list.dataset.hide = hide;
});
