"""The example of the README, which shows it with what it prints; run it in a checkout's folder."""

from clpips import CLPIPS, evaluate, held_out, read_rankings

stock = CLPIPS("alex")  # LPIPS v0.1; an image is a path, a PIL image, an array or a tensor
print(f"{stock.distance('data/targets/target-01.png', 'data/targets/target-02.png'):.3f}")

rankings = read_rankings("data/example/rankings.csv")  # participant,target,image,rank
personal = CLPIPS("alex").fit(rankings, participant="simulated-5")
print(personal)

# Agreement with the rankings it was fitted to, then the honest figure: each target left out in turn
print(f"{evaluate(personal, rankings).participants['simulated-5'].spearman:.2f}")
print(held_out(CLPIPS("alex"), rankings, participant="simulated-5").sentence)

personal.save("simulated-5.safetensors")  # weights by layer, with a card; never a pickle
print(CLPIPS.load("simulated-5.safetensors"))
personal.save_lpips("simulated-5.pth")
# lpips.LPIPS(net="alex", pnet_rand=True, model_path="simulated-5.pth")
